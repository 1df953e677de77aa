"""Deliveries of the platforms that could not be applied, with their payload masked, and giving them another go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from connector import audit, paging
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.paging import SIZE, Page
from connector.shops import Shop
from webhooks import stored
from webhooks.masking import masked

SHOWN = (*stored.STOPPED, "retry")
STATES: Mapping[str, tuple[str, str]] = {
    "new": ("Waits", ""),
    "retry": ("Is tried again", "warning"),
    "done": ("Applied", "good"),
    "quarantined": ("In quarantine", "critical"),
    "poison": ("Given up", "critical"),
}
"""State of a delivery -> (how it is said, tone of its badge)."""
SOURCES: Mapping[str, str] = {"shopify": "Shopify", "brevo": "Brevo", "api": "your own systems"}
_ADDRESS = re.compile(r"\S+@\S+")
# Of the headers only these say nothing of a person.
_HEADERS = ("triggered_at", "api_version", "event_id", "webhook_id")


class Choosing(Paged):
    state = fields.String(load_default="", validate=validate.OneOf(["", *SHOWN]))
    topic = fields.String(load_default="", validate=validate.Length(max=100))


class Replaying(Schema):
    """Without a topic those of all topics."""

    state = fields.String(required=True, validate=validate.OneOf(stored.STOPPED))
    topic = fields.String(load_default="", validate=validate.Length(max=100))


def listed(deps: Deps, shop: Shop, given: Given) -> Page[stored.Delivery]:
    """A page of those that stand still, the newest first."""
    after = paging.after(given["after"], int)
    states = (given["state"],) if given["state"] else SHOWN
    which = stored.Which(states, given["topic"], shop.id, before=after[0] if after else None)
    with transaction(deps.engine) as connection:
        found = stored.listed(connection, which, SIZE + 1)
    return paging.page(found, lambda one: (one.id,))


def one_of(deps: Deps, shop: Shop, delivery_id: int) -> stored.Delivery:
    """Raises LookupError."""
    with transaction(deps.engine) as connection:
        found = stored.listed(connection, stored.Which(shop_id=shop.id, ids=(delivery_id,)), 1)
    if not found:
        raise LookupError(f"There is no delivery {delivery_id} here.")
    return found[0]


def reason(one: stored.Delivery) -> str:
    """One line without addresses: the text of an unforeseen error may quote what it stumbled over."""
    return _ADDRESS.sub("[an address]", (one.reason or "").partition("\n")[0])


def headers(one: stored.Delivery) -> Mapping[str, Any]:
    return {name: value for name, value in one.headers.items() if name in _HEADERS}


def body(one: stored.Delivery) -> Any:
    """The payload with everything masked that may be personal; None when it is no JSON."""
    try:
        return masked(orjson.loads(one.raw))
    except orjson.JSONDecodeError:
        return None


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = listed(deps, shop, given)
    return {"rows": [_row(one) for one in found.rows], "next": found.next}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one = one_of(deps, shop, given["delivery_id"])
    return {**_row(one), "headers": headers(one), "body": body(one)}


def _row(one: stored.Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "topic": one.topic,
        "state": one.state,
        "reason": reason(one) or None,
        "attempts": one.attempts,
        "received_at": one.received_at,
    }


def _replay(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one = one_of(deps, shop, given["delivery_id"])
    _note(deps, shop, visitor, one.id, {"topic": one.topic, "state": one.state})
    return {"replayed": sum(stored.replay(deps, stored.Which(SHOWN, "", shop.id, (one.id,))).values())}


def _replay_all(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    wanted = {"state": given["state"], "topic": given["topic"]}
    _note(deps, shop, visitor, wanted["topic"] or "all", wanted)
    return {"replayed": sum(stored.replay(deps, stored.Which((wanted["state"],), wanted["topic"], shop.id)).values())}


def _note(deps: Deps, shop: Shop, visitor: Visitor, object_id: object, detail: dict[str, Any]) -> None:
    """Before the act, which takes a transaction for each batch: an act that was cut short is noted too."""
    with transaction(deps.engine) as connection:
        audit.record(
            connection,
            shop_id=shop.id,
            actor=visitor.actor,
            act="delivery.replay",
            object_kind="delivery",
            object_id=object_id,
            detail=detail,
            now=deps.clock.now(),
        )


REPLAY = Act("replay_delivery", "deliveries/<int:delivery_id>/replay", "Give a delivery another go.", _replay)
REPLAY_ALL = Act(
    "replay_deliveries",
    "deliveries/replay",
    "Give all deliveries that stand still another go.",
    _replay_all,
    Replaying(),
)
ACTS = (REPLAY, REPLAY_ALL)
VIEWS = (
    View("deliveries", "deliveries", "Deliveries that could not be applied, the newest first.", _list, Choosing()),
    View("delivery", "deliveries/<int:delivery_id>", "A delivery with its payload, masked.", _read),
)
