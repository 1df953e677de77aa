"""A person's fifth, tenth or twentieth order was placed (the shop's setting `signals.milestone_order.orders`).

Each milestone once for a person: not again when an order was cancelled and another one takes its place.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "milestone_order"


class MilestoneOrderSchema(Schema):
    orders = orders_of_person.numbers((5, 10, 20), "which orders of a person are milestones")


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    number = orders_of_person.which(event, facts, settings)
    if number not in settings.chosen(NAME, MilestoneOrderSchema)["orders"]:
        return Derived()
    props = {**orders_of_person.props(event), "number": number}
    return Derived((once_for_a_person.new(NAME, event.occurred_at, facts, str(number), props, about=event),))


MILESTONE_ORDER = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person"}),
    props={**orders_of_person.PROPS, "number": "which order of the person it is"},
    derive=derive,
    buying=True,
    settings=MilestoneOrderSchema,
    only_heard=True,
)
