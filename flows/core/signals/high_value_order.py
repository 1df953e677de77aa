"""An order came to a high amount (the shop's setting `signals.high_value_order.amounts`, in its currency).

Of several amounts the highest that the order reaches is told, once for an order. One in another currency than the
shop's is left out.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import orders_of_person, set_amounts
from flows.core.signals.signal import Derived, NewEvent, Signal, SignalSettings

NAME = "high_value_order"


class HighValueOrderSchema(Schema):
    amounts = set_amounts.listed("100", "from which totals on an order is of high value")


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    total = orders_of_person.worth(event, facts)
    if total is None or not settings.counts(event.props):
        return Derived()
    reached = [one for one in settings.chosen(NAME, HighValueOrderSchema)["amounts"] if one <= total]
    if not reached:
        return Derived()
    props = {**orders_of_person.props(event), "threshold": set_amounts.said(max(reached))}
    return Derived((NewEvent(NAME, event.occurred_at, event.subject, event.key, f"event:{event.id}", props),))


HIGH_VALUE_ORDER = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"shop"}),
    props={**orders_of_person.PROPS, "threshold": "the highest amount that it reaches"},
    derive=derive,
    buying=True,
    settings=HighValueOrderSchema,
    only_heard=True,
)
