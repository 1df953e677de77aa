"""What is remembered of how somebody behaves: a bounded state, made of their events one after the other.

It is no log: of each kind of sign the newest is kept, of looks and messages the last few, of scores the sum. Whoever
objected to being put into groups by what they do is remembered by signs of life alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from flows.core import message_signs, scores, views
from flows.core.behaviour_events import CLICKED, ENGAGED, OF_MESSAGES, OPENED, STOREFRONT, VISITS
from flows.core.message_signs import BY_PROXY, Messages
from flows.core.model import Event
from flows.core.scores import Score, Scoring
from flows.core.views import Views

SCORED = "score_changed"
"""What signals hear when a score has changed: ``{score, before, now}``. It happens within a decision, and in no log."""
PRODUCT_COUNTED = "product_viewed_n_times"
CATEGORY_COUNTED = "category_browsed"
COUNTED = frozenset({PRODUCT_COUNTED, CATEGORY_COUNTED})
"""Signals that a thing was looked at so often: once told, it counts anew."""
SHOWN_VIEWS = timedelta(days=30)
# Event -> the sign that it leaves.
_SIGNS: Mapping[str, str] = {
    CLICKED: "click",
    OPENED: "open",
    BY_PROXY: "proxy_open",
    "login": "login",
    "order_placed": "order",
    "added_to_cart": "cart",
    "checkout_started": "cart",
    "checkout_updated": "cart",
}
NOTED = ENGAGED | OF_MESSAGES | COUNTED | frozenset(_SIGNS)
"""The events that change it, beside those that give points."""
_PRODUCT = ("product_id", "variant_id", "title", "url", "image_url", "price", "currency", "category")


@dataclass(frozen=True, slots=True)
class Activity:
    """`signs`: when the newest of each kind was (``first_visit``: the first), ISO 8601. `product`, `category` and
    `search`: the last of each, with ``at``. `row`: the message that made the last row of opened emails longer, how long
    the row is and how long its longer part was before."""

    signs: Mapping[str, str] = field(default_factory=dict)
    product: Mapping[str, Any] | None = None
    category: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    products: Views = Views()
    categories: Views = Views()
    messages: Messages = ()
    row: tuple[str, int, int] | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)

    def at(self, sign: str) -> datetime | None:
        found = self.signs.get(sign)
        return datetime.fromisoformat(found) if found else None

    def newest(self, *signs: str) -> datetime | None:
        """The latest of these; None when there is none."""
        return max((at for sign in signs if (at := self.at(sign)) is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        every = {
            "signs": dict(self.signs),
            "product": self.product,
            "category": self.category,
            "search": self.search,
            "products": self.products.to_json(),
            "categories": self.categories.to_json(),
            "messages": [one.to_json() for one in self.messages],
            "row": list(self.row) if self.row else None,
            "scores": {name: dict(score) for name, score in self.scores.items()},
        }
        return {name: value for name, value in every.items() if value}


NOTHING = Activity()


def from_json(data: Mapping[str, Any] | None) -> Activity:
    """The state that was stored as this; nothing at all of somebody who never did anything."""
    if not data:
        return NOTHING
    row = data.get("row")
    return Activity(
        signs=data.get("signs", {}),
        product=data.get("product"),
        category=data.get("category"),
        search=data.get("search"),
        products=views.from_json(data.get("products", {})),
        categories=views.from_json(data.get("categories", {})),
        messages=message_signs.from_json(data.get("messages", ())),
        row=(row[0], row[1], row[2]) if row else None,
        scores=data.get("scores", {}),
    )


@dataclass(frozen=True, slots=True)
class Noted:
    """The new state, and what signals hear of changed scores."""

    activity: Activity
    changes: tuple[Event, ...] = ()


def note(
    activity: Activity, event: Event, scoring: Mapping[str, Scoring], now: datetime, *, profiled: bool = True
) -> Noted:
    """With what `event` says, one of NOTED or one that gives points. History, and orders that the shop counts for
    nothing, say nothing. `profiled`: the person has not objected to profiling."""
    if event.historical or event.props.get("excluded"):
        return Noted(activity)
    found, counts = _signed(activity, event), True
    if event.name in OF_MESSAGES:
        heard = message_signs.hear(found.messages, event)
        row = (event.subject, *heard.row) if heard.row else found.row
        found, counts = replace(found, messages=heard.messages, row=row), heard.first
    if not profiled:
        return Noted(signs_of_life(found))
    found = _counted(_looked(found, event), event)
    return _scored(found, event, scoring, now) if counts else Noted(found)


def signs_of_life(activity: Activity) -> Activity:
    """What may be remembered of somebody who objected to profiling."""
    return Activity(signs=activity.signs, messages=activity.messages, row=activity.row)


def _signed(activity: Activity, event: Event) -> Activity:
    signs = dict(activity.signs)
    if event.name in _SIGNS:
        _put(signs, _SIGNS[event.name], event.occurred_at)
    if event.name in VISITS:
        _put(signs, "visit", event.occurred_at)
    if event.name in STOREFRONT:
        first = activity.at("first_visit")
        signs["first_visit"] = min(first or event.occurred_at, event.occurred_at).isoformat()
    return replace(activity, signs=signs) if signs != activity.signs else activity


def _put(signs: dict[str, str], name: str, at: datetime) -> None:
    known = signs.get(name)
    if known is None or datetime.fromisoformat(known) < at:
        signs[name] = at.isoformat()


def _looked(activity: Activity, event: Event) -> Activity:
    props, at = event.props, event.occurred_at
    when = {"at": at.isoformat()}
    match event.name:
        case "product_viewed":
            told = {**{name: props[name] for name in _PRODUCT if props.get(name) is not None}, **when}
            activity = replace(
                activity,
                product=_later(activity.product, told),
                products=activity.products.looked(str(props.get("product_id")), at),
            )
        case "searched":
            search = {"query": props.get("query"), "results": props.get("results"), **when}
            activity = replace(activity, search=_later(activity.search, search))
    category = props.get("category") if event.name in ("product_viewed", "category_viewed") else None
    if not isinstance(category, str) or not category:
        return activity
    return replace(
        activity,
        category=_later(activity.category, {"category": category, **when}),
        categories=activity.categories.looked(category, at),
    )


def _later(known: Mapping[str, Any] | None, told: Mapping[str, Any]) -> Mapping[str, Any]:
    if known is None or datetime.fromisoformat(known["at"]) <= datetime.fromisoformat(told["at"]):
        return told
    return known


def _counted(activity: Activity, event: Event) -> Activity:
    at = event.occurred_at
    match event.name:
        case "product_viewed_n_times":
            seen = activity.products.told(str(event.props["product_id"]), event.props["times"], at)
            return replace(activity, products=seen)
        case "category_browsed":
            seen = activity.categories.told(event.props["category"], event.props["times"], at)
            return replace(activity, categories=seen)
        case _:
            return activity


def _scored(activity: Activity, event: Event, scoring: Mapping[str, Scoring], now: datetime) -> Noted:
    changes: list[Event] = []
    for name, of in scoring.items():
        if points := scores.earned(of, event, now):
            made = score(activity, name, points, of, now, cause=event)
            activity, changes = made.activity, [*changes, *made.changes]
    return Noted(activity, tuple(changes))


def score(activity: Activity, name: str, points: int, of: Scoring, now: datetime, *, cause: Event) -> Noted:
    """With so many points more (or less) of the score `name`, because of `cause`; the day is that of the cause."""
    held = activity.scores.get(name, {})
    before = scores.value(held, of, now)
    held = scores.add(held, points, of, cause.occurred_at)
    props = {"score": name, "before": before, "now": scores.value(held, of, now)}
    change = Event(
        uuid5(cause.id, f"{SCORED}:{name}"),
        SCORED,
        cause.occurred_at,
        cause.subject,
        None,
        cause.person_id,
        props,
    )
    return Noted(replace(activity, scores={**activity.scores, name: held}), (change,))


def both(one: Activity, other: Activity) -> Activity:
    """Of two people who are one: the newest of each sign, and whatever either did."""
    signs = dict(one.signs)
    for name, at in other.signs.items():
        if name != "first_visit":
            _put(signs, name, datetime.fromisoformat(at))
    if firsts := [at for at in (one.at("first_visit"), other.at("first_visit")) if at is not None]:
        signs["first_visit"] = min(firsts).isoformat()
    return Activity(
        signs=signs,
        product=_newer(one.product, other.product),
        category=_newer(one.category, other.category),
        search=_newer(one.search, other.search),
        products=views.both(one.products, other.products),
        categories=views.both(one.categories, other.categories),
        messages=message_signs.both(one.messages, other.messages),
        row=one.row,
        scores={
            name: scores.both(one.scores.get(name, {}), other.scores.get(name, {}))
            for name in {**one.scores, **other.scores}
        },
    )


def _newer(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if one is None or other is None:
        return one or other
    return _later(one, other)
