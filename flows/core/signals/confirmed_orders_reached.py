"""A person has come to a number of confirmed orders (the shop's setting `signals.confirmed_orders_reached.orders`).

Confirmed is what is paid: an order that is not, or was cancelled, does not count, and one counts from when it is. It is
about the person, once for each number; `order_count_reached` counts orders as soon as they are placed.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "confirmed_orders_reached"


class ConfirmedOrdersReachedSchema(Schema):
    orders = orders_of_person.numbers((3,), "the numbers of paid orders that are told")


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    count = event.props.get("orders_paid")
    asked = settings.chosen(NAME, ConfirmedOrdersReachedSchema)["orders"]
    if not isinstance(count, int) or count not in asked or not settings.counts(event.props):
        return Derived()
    props = {"orders": count, "order_id": event.props.get("order_id")}
    return Derived((once_for_a_person.new(NAME, event.occurred_at, facts, str(count), props),))


CONFIRMED_ORDERS_REACHED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_paid"}),
    needs=frozenset({"person"}),
    props={"orders": "how many paid orders they have now", "order_id": "the order by which they came to it"},
    derive=derive,
    buying=True,
    settings=ConfirmedOrdersReachedSchema,
    only_heard=True,
)
