"""Somebody has fallen to a lower tier."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import loyalty_of_person as loyalty
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "tier_downgraded"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    found = loyalty.moved(event, settings)
    return loyalty.told(NAME, event, old=found[0], new=found[1]) if found and found[2] < 0 else Derived()


TIER_DOWNGRADED = Signal(
    name=NAME,
    about=__doc__,
    listens=loyalty.CHANGED,
    needs=frozenset(),
    props={**loyalty.STANDING, "old": "the tier before", "new": "the tier now"},
    derive=derive,
    buying=True,
)
