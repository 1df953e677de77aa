"""A checkout with something in it was neither completed nor changed for a while (`after`, else one hour).

There is one clock, from the last change of the checkout: with `after: 1h` the first email leaves one hour
after that change in total. An order with the same checkout, or any order of the person since, stops it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.left_behind import worth_recovering
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
from flows.core.signals.thresholds import armed, rung

NAME = "checkout_abandoned"
DEFAULT = timedelta(hours=1)
CHANGED = frozenset({"checkout_started", "checkout_updated"})
# Only what cannot be undone stops the clock: word of an empty checkout may be older than what is in it now, and
# the clock looks for itself when it fires.
DONE = frozenset({"order_placed", "checkout_completed", "checkout_deleted"})
_COPIED = ("total", "currency", "items", "recovery_url", "cart_token")


def _armed(token: str, anchor: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    return armed(NAME, token, anchor, seconds, place, checkout_token=token)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    token = event.key or event.props.get("checkout_token")
    if not token:
        return Derived()
    if event.name in DONE:
        return Derived(cancel=(CancelTimer(NAME, token),))
    if not worth_recovering(event.props):
        return Derived()
    return Derived(arm=(_armed(token, event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    return PastClock(_armed(anchor.key, anchor.at, seconds, 0), _identity(anchor.key, anchor.at, seconds[0]))


def _identity(token: str, anchor: datetime, seconds: int) -> str:
    return f"checkout:{token}:{anchor.isoformat()}:{seconds}"


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    checkout = lookup(facts, "checkout")
    if not isinstance(checkout, Mapping) or checkout.get("completed_at") or checkout.get("deleted_at"):
        return Derived()
    if not worth_recovering(checkout):
        return Derived()
    token, seconds, place = payload["checkout_token"], payload["after_seconds"], payload["place"]
    armed_at = datetime.fromisoformat(payload["anchor_at"])
    changed_at = max(armed_at, datetime.fromisoformat(checkout["source_updated_at"]))
    if changed_at > armed_at:
        place = 0
    if _ordered_since(facts, changed_at):
        return Derived()
    timer = _armed(token, changed_at, seconds, place)
    if timer.due_at > now:
        return Derived(arm=(timer,))
    anchor = changed_at.isoformat()
    props = {
        "checkout_token": token,
        "anchor_at": anchor,
        "after_seconds": seconds[place],
        **{field: checkout[field] for field in _COPIED if field in checkout},
    }
    identity = _identity(token, changed_at, seconds[place])
    return rung(NewEvent(NAME, timer.due_at, f"checkout:{token}", token, identity, props), timer)


def _ordered_since(facts: Facts, moment: datetime) -> bool:
    last = lookup(facts, "person.last_order_at")
    return isinstance(last, str) and datetime.fromisoformat(last) >= moment


CHECKOUT_ABANDONED = Signal(
    name=NAME,
    about=__doc__,
    listens=CHANGED | DONE,
    needs=frozenset({"checkout", "person"}),
    props={
        "checkout_token": "the checkout; the usual key of a flow",
        "anchor_at": "its last change: what “from trigger” counts from",
        "after_seconds": "the threshold that passed",
        "items": "what is in it",
        "total": "its total",
        "currency": "its currency",
        "recovery_url": "the address that opens it again",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    buying=True,
    # An old cart is of no use any more.
    past=Past("open_checkouts", clock, late=False),
)
