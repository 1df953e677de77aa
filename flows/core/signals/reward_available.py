"""A reward waits for somebody that did not before."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import loyalty_of_person as loyalty
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "reward_available"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    found = loyalty.change(event, "reward")
    return loyalty.told(NAME, event) if found and found[1] is not None else Derived()


REWARD_AVAILABLE = Signal(
    name=NAME,
    about=__doc__,
    listens=loyalty.CHANGED,
    needs=frozenset(),
    props={**loyalty.STANDING},
    derive=derive,
    buying=True,
)
