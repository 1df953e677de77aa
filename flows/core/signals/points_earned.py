"""Somebody has more points than before."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import loyalty_of_person as loyalty
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "points_earned"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    found = loyalty.change(event, "points")
    if found is None or (found[1] or 0) <= (found[0] or 0):
        return Derived()
    return loyalty.told(NAME, event, points=found[1] - (found[0] or 0), balance=found[1])


POINTS_EARNED = Signal(
    name=NAME,
    about=__doc__,
    listens=loyalty.CHANGED,
    needs=frozenset(),
    props={**loyalty.STANDING, **loyalty.REASON, "points": "how many more", "balance": "how many they have now"},
    derive=derive,
    buying=True,
)
