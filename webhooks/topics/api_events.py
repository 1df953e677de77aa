"""events/*: what the merchant's other systems tell by the public events API. A topic for each type of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from connector.scope import Scope
from flows.core.vocabulary import CUSTOM
from flows.core.vocabulary_of_behaviour import RAW as STOREFRONT
from sync import answers, birthdays, outside, reviews, subscriptions, tickets
from sync.catalogue_signals import alerts
from sync.loyalty import keeping as loyalty
from sync.loyalty.standing import FIELDS
from webhooks.topics.api_payload import SCHEMAS
from webhooks.topics.topic import Delivery, Lane, Topic

SOURCE: Final = "api"

Told = tuple[str, Mapping[str, Any]]
"""The name of an event and what is told with it."""


def topic_of(kind: str) -> str:
    """The topic under which an event of this type is kept."""
    return f"events/{kind}"


def _custom(payload: Mapping[str, Any]) -> Told:
    return f"{CUSTOM}{payload['name']}", {"name": payload["name"], "properties": payload["properties"]}


def _subscription(payload: Mapping[str, Any]) -> Told:
    told = {name: _plain(payload[name]) for name in ("subscription", "plan", "product_id", "renews_at")}
    return f"subscription_{payload['change']}", told


def _fields(name: str, *told: str) -> Callable[[Mapping[str, Any]], Told]:
    return lambda payload: (name, {one: _plain(payload[one]) for one in told})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Told]] = {
    "custom": _custom,
    "support_ticket_opened": _fields("support_ticket_opened", "ticket"),
    "support_ticket_closed": _fields("support_ticket_closed", "ticket"),
    "form_submitted": _fields("form_submitted", "form", "answers"),
    "review_submitted": _fields("review_submitted", "rating", "product_id", "review_id"),
    # What it says is kept once, with the review.
    "review_published": _fields("review_published", "rating", "product_id", "review_id", "state"),
    "login": _fields("login"),
    "loyalty": _fields("loyalty_told", "points", "tier", "reward", "expires_at"),
    **{name: _fields(name, *props) for name, (_, props, _) in STOREFRONT.items()},
    "subscription": _subscription,
}
# By what else than the person flows find it: the product that was looked at, the cart.
_KEYS: Mapping[str, str] = {"product_viewed": "product_id", "added_to_cart": "cart_token"}
# What outlasts the event is kept with the person.
_KEPT: Mapping[str, Callable[[Scope, int, Mapping[str, Any], datetime], None]] = {
    "support_ticket_opened": lambda scope, person, payload, at: tickets.opened(scope, person, payload["ticket"], at),
    "support_ticket_closed": lambda scope, person, payload, at: tickets.closed(scope, person, payload["ticket"], at),
    "form_submitted": lambda scope, person, payload, at: _filled_in(
        scope, person, payload["form"], payload["answers"], at
    ),
    "subscription": subscriptions.keep,
    "review_published": reviews.keep,
    "loyalty": lambda scope, person, payload, at: loyalty.from_outside(
        scope, person, {name: payload[name] for name in FIELDS}, at, source=SOURCE
    ),
}


def _filled_in(scope: Scope, person_id: int, form: str, told: Mapping[str, Any], at: datetime) -> None:
    answers.keep(scope, person_id, form, told, at)
    birthdays.from_answers(scope, person_id, told, at)
    alerts.ask(scope, person_id, form, told, at)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    # The sender's clock may be a little ahead of ours.
    at = min(payload["occurred_at"] or delivery.received_at, delivery.received_at)
    named, kind = payload["person"], payload["type"]
    person_id = outside.whose(scope, named)
    if person_id is not None and kind in _KEPT:
        _KEPT[kind](scope, person_id, payload, at)
    name, props = _TOLD[kind](payload)
    key = payload[_KEYS[kind]] if kind in _KEYS else None
    outside.tell(
        scope,
        person_id,
        named,
        name=name,
        event_id=payload["id"],
        at=at,
        props=props,
        key=None if key is None else str(key),
    )


# Only an open ticket may have to stop a message.
_LANES: Mapping[str, Lane] = {"support_ticket_opened": "commerce"}

TOPICS = tuple(
    Topic(SOURCE, topic_of(kind), _LANES.get(kind, "other"), schema, apply) for kind, schema in SCHEMAS.items()
)
