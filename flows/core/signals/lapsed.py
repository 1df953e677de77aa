"""A person who had ordered placed no other order for a while (`after`, else 60 days).

The clock runs from the last order, and starts again with every order. Each threshold is told once for an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core import chance
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.signal import (
    Anchor,
    ArmTimer,
    Derived,
    NewEvent,
    Past,
    PastClock,
    Signal,
    SignalSettings,
)

NAME = "lapsed"
DEFAULT = timedelta(days=60)


def _armed(last_order_at: datetime, anchor: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    """The clock for the threshold at `place`. `anchor` is the order, or later when the clock was put off."""
    payload = {
        "last_order_at": last_order_at.isoformat(),
        "anchor_at": anchor.isoformat(),
        "after_seconds": list(seconds),
        "place": place,
    }
    return ArmTimer(NAME, "", anchor + timedelta(seconds=seconds[place]), anchor, payload)


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
    told_at = anchor + timedelta(seconds=seconds[place])
    if told_at > now:
        return Derived(arm=(_armed(known, anchor, seconds, place),))
    seed = chance.seed(facts)
    props = {
        "last_order_at": known.isoformat(),
        "anchor_at": anchor.isoformat(),
        "after_seconds": seconds[place],
    }
    subject = f"person:{lookup(facts, 'person.id')}"
    told = NewEvent(NAME, told_at, subject, None, _identity(seed, known, seconds[place]), props)
    more = place + 1 < len(seconds)
    return Derived((told,), arm=(_armed(known, anchor, seconds, place + 1),) if more else ())


def _identity(seed: str, last_order_at: datetime, seconds: int) -> str:
    return f"person:{seed}:{last_order_at.isoformat()}:{seconds}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    """Who has passed several thresholds stands at the last of them, and is told of no earlier one."""
    seconds = settings.seconds(NAME, DEFAULT)
    passed = sum(anchor.at + timedelta(seconds=one) <= now for one in seconds)
    place = max(passed - 1, 0)
    return PastClock(_armed(anchor.at, anchor.at, seconds, place), _identity(anchor.seed, anchor.at, seconds[place]))


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
