"""Some time has passed since a person's first order (`after`, else 30 days).

Each threshold is told once for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person
from flows.core.signals.signal import Anchor, ArmTimer, Derived, Past, PastClock, Signal, SignalSettings
from flows.core.signals.thresholds import armed, last_passed, rung

NAME = "days_since_first_order"
DEFAULT = timedelta(days=30)


def _armed(first: datetime, anchor: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    """`anchor` is the order, or later when the clock was put off."""
    return armed(NAME, "", anchor, seconds, place, first_order_at=first.isoformat())


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    first = orders_of_person.which(event, facts, settings) == 1
    if not first:
        return Derived()
    return Derived(arm=(_armed(event.occurred_at, event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    found = lookup(facts, "person.first_order_at")
    if not isinstance(found, str):
        return Derived()
    first, known = datetime.fromisoformat(found), datetime.fromisoformat(payload["first_order_at"])
    seconds, place = payload["after_seconds"], payload["place"]
    # When an earlier order has become known since, it is that one's time.
    anchor = first if first != known else datetime.fromisoformat(payload["anchor_at"])
    timer = _armed(first, anchor, seconds, place)
    if timer.due_at > now:
        return Derived(arm=(timer,))
    props = {"first_order_at": found, "anchor_at": anchor.isoformat(), "after_seconds": seconds[place]}
    return rung(once_for_a_person.new(NAME, timer.due_at, facts, str(seconds[place]), props), timer)


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    place = last_passed(anchor.at, seconds, now)
    tells = once_for_a_person.identity(anchor.seed, str(seconds[place]))
    return PastClock(_armed(anchor.at, anchor.at, seconds, place), tells)


DAYS_SINCE_FIRST_ORDER = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person"}),
    props={
        "first_order_at": "the first order",
        "anchor_at": "what “from trigger” counts from: the first order, or later for somebody who was armed late",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    past=Past("first_order", clock),
    only_heard=True,
)
