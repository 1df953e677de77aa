"""A person has come to a number of orders (the shop's setting `signals.order_count_reached.orders`).

It is about the person, once for each number; `milestone_order` is about the order.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "order_count_reached"


class OrderCountReachedSchema(Schema):
    orders = orders_of_person.numbers((3,), "the numbers of orders that are told")


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    count = orders_of_person.which(event, facts, settings)
    if count not in settings.chosen(NAME, OrderCountReachedSchema)["orders"]:
        return Derived()
    props = {"orders": count, "order_id": event.props.get("order_id")}
    return Derived((once_for_a_person.new(NAME, event.occurred_at, facts, str(count), props),))


ORDER_COUNT_REACHED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person"}),
    props={"orders": "how many orders they have now", "order_id": "the order by which they came to it"},
    derive=derive,
    buying=True,
    settings=OrderCountReachedSchema,
    only_heard=True,
)
