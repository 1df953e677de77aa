"""A person's first order was placed."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import orders_of_person
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "first_order"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    return orders_of_person.told(NAME, event, settings) if orders_of_person.before(event, facts) == 0 else Derived()


FIRST_ORDER = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person"}),
    props=orders_of_person.PROPS,
    derive=derive,
    buying=True,
)
