"""Somebody opened three emails in a row (the shop's setting `signals.opened_n_in_a_row.times`).

One that they did not open in between ends the row. A click is an open, too; what a mail program opens by itself is
none, and of people whose opens may not be recorded it is never told.
"""

from __future__ import annotations

from datetime import datetime

from marshmallow import RAISE, Schema, fields, validate

from flows.core import chance
from flows.core.behaviour_events import CLICKED, OPENED
from flows.core.facts import Facts, lookup
from flows.core.message_signs import MOST
from flows.core.model import Event
from flows.core.signals.signal import Derived, NewEvent, Signal, SignalSettings

NAME = "opened_n_in_a_row"


class OpenedSchema(Schema):
    class Meta:
        unknown = RAISE

    times = fields.List(
        fields.Integer(strict=True, validate=validate.Range(2, MOST)),
        load_default=lambda: [3],
        validate=validate.Length(1, 5),
    )


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    row = lookup(facts, "opens.row")
    if not isinstance(row, list) or row[0] != event.subject:
        return Derived()
    _, length, before = row
    seed = chance.seed(facts)
    reached = [one for one in settings.chosen(NAME, OpenedSchema)["times"] if before < one <= length]
    return Derived(
        tuple(
            NewEvent(
                NAME, event.occurred_at, event.subject, None, f"person:{seed}:{event.subject}:{one}", {"times": one}
            )
            for one in sorted(reached)
        )
    )


OPENED_N_IN_A_ROW = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({OPENED, CLICKED}),
    needs=frozenset({"person", "opens"}),
    props={"times": "how many emails in a row"},
    derive=derive,
    settings=OpenedSchema,
    only_heard=True,
)
