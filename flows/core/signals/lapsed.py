"""A person who had ordered placed no other order for a while (`after`, else 60 days).

The clock runs from the last order, and starts again with every order. Each threshold is told once for an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person
from flows.core.signals.signal import Anchor, ArmTimer, Derived, Past, PastClock, Signal, SignalSettings
from flows.core.signals.thresholds import armed, last_passed, rung

NAME = "lapsed"
DEFAULT = timedelta(days=60)


def _armed(last_order_at: datetime, anchor: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    """`anchor` is the order, or later when the clock was put off."""
    return armed(NAME, "", anchor, seconds, place, last_order_at=last_order_at.isoformat())


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    if NAME not in settings.heard or not settings.counts(event.props):
        return Derived()
    return Derived(arm=(_armed(event.occurred_at, event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    last = lookup(facts, "person.last_order_at")
    if not isinstance(last, str):
        return Derived()
    last_order_at, known = datetime.fromisoformat(last), datetime.fromisoformat(payload["last_order_at"])
    seconds, place = payload["after_seconds"], payload["place"]
    if last_order_at > known:
        return Derived(arm=(_armed(last_order_at, last_order_at, seconds, 0),))
    anchor = datetime.fromisoformat(payload["anchor_at"])
    timer = _armed(known, anchor, seconds, place)
    if timer.due_at > now:
        return Derived(arm=(timer,))
    props = {
        "last_order_at": known.isoformat(),
        "anchor_at": anchor.isoformat(),
        "after_seconds": seconds[place],
    }
    return rung(once_for_a_person.new(NAME, timer.due_at, facts, _what(known, seconds[place]), props), timer)


def _what(last_order_at: datetime, seconds: int) -> str:
    return f"{last_order_at.isoformat()}:{seconds}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    place = last_passed(anchor.at, seconds, now)
    tells = once_for_a_person.identity(anchor.seed, _what(anchor.at, seconds[place]))
    return PastClock(_armed(anchor.at, anchor.at, seconds, place), tells)


LAPSED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person"}),
    props={
        "last_order_at": "the last order",
        "anchor_at": "what “from trigger” counts from: the last order, or later for somebody who was armed late",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    past=Past("last_order", clock),
)
