"""All that a person has spent came to an amount (the shop's setting `signals.total_spent_reached.amounts`).

Each amount once for a person, by the order that brings them to it; one order may bring them to several. An order in
another currency than the shop's brings nobody to anything.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person, set_amounts
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "total_spent_reached"


class TotalSpentReachedSchema(Schema):
    amounts = set_amounts.listed("500", "the amounts that are told")


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    before, total = orders_of_person.spent_before(event), orders_of_person.worth(event, facts)
    if before is None or total is None or not settings.counts(event.props):
        return Derived()
    asked = settings.chosen(NAME, TotalSpentReachedSchema)["amounts"]
    reached = [set_amounts.said(one) for one in sorted(asked) if before < one <= before + total]
    told = {"total_spent": str(before + total), "order_id": event.props.get("order_id")}
    return Derived(
        tuple(once_for_a_person.new(NAME, event.occurred_at, facts, one, {**told, "threshold": one}) for one in reached)
    )


TOTAL_SPENT_REACHED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person", "shop"}),
    props={
        "threshold": "the amount that was reached",
        "total_spent": "what they have spent in all, with this order",
        "order_id": "the order by which they came to it",
    },
    derive=derive,
    buying=True,
    settings=TotalSpentReachedSchema,
    only_heard=True,
)
