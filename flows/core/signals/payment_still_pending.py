"""An order is still not paid a while after it was placed (`after`, else 24 hours).

Each threshold is told once for an order; paying, cancelling or deleting the order ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import orders_of_person
from flows.core.signals.signal import (
    Anchor,
    ArmTimer,
    CancelTimer,
    Derived,
    NewEvent,
    Past,
    PastClock,
    Signal,
    SignalSettings,
)
from flows.core.signals.thresholds import armed, last_passed, rung

NAME = "payment_still_pending"
DEFAULT = timedelta(hours=24)
UNPAID = frozenset({"pending", "partially_paid"})
"""States of an order's payments, in the store's words, in which the customer has yet to pay."""
DONE = frozenset({"order_paid", "order_cancelled", "order_deleted"})
_COPIED = (*orders_of_person.PROPS, "items")


def _armed(order_id: str, placed_at: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    return armed(NAME, order_id, placed_at, seconds, place, order_id=order_id)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    order_id = event.props.get("order_id")
    if not order_id:
        return Derived()
    if event.name in DONE:
        return Derived(cancel=(CancelTimer(NAME, str(order_id)),))
    # Word of a payment that waits comes without the state of the order, which is looked at when the clock rings.
    waits = event.name == "payment_pending" or event.props.get("financial_status") in UNPAID
    if not waits or not settings.counts(event.props):
        return Derived()
    placed_at = _moment(event.props.get("placed_at")) or event.occurred_at
    return Derived(arm=(_armed(str(order_id), placed_at, settings.seconds(NAME, DEFAULT), 0),))


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    order = lookup(facts, "order")
    if not isinstance(order, Mapping) or order["financial_status"] not in UNPAID:
        return Derived()
    if order["cancelled_at"] or order["deleted_at"]:
        return Derived()
    seconds, place = payload["after_seconds"], payload["place"]
    placed_at, anchor = datetime.fromisoformat(order["placed_at"]), datetime.fromisoformat(payload["anchor_at"])
    # A clock that was put off keeps its own time.
    since = max(placed_at, anchor)
    key = payload["order_id"]
    timer = _armed(key, since, seconds, place)
    if timer.due_at > now:
        return Derived(arm=(timer,))
    props = {
        **{field: order[field] for field in _COPIED if field in order},
        "anchor_at": since.isoformat(),
        "after_seconds": seconds[place],
    }
    return rung(NewEvent(NAME, timer.due_at, f"order:{key}", key, _identity(key, seconds[place]), props), timer)


def _identity(order_id: str, seconds: int) -> str:
    return f"order:{order_id}:{seconds}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    place = last_passed(anchor.at, seconds, now)
    return PastClock(_armed(anchor.key, anchor.at, seconds, place), _identity(anchor.key, seconds[place]))


PAYMENT_STILL_PENDING = Signal(
    name=NAME,
    about=__doc__,
    listens=DONE | {"order_placed", "payment_pending"},
    needs=frozenset({"order"}),
    props={
        **orders_of_person.PROPS,
        "items": "what was bought",
        "anchor_at": "when it was placed: what “from trigger” counts from",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    buying=True,
    past=Past("unpaid_orders", clock),
    only_heard=True,
)
