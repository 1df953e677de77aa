"""Sends named staff an email about the person, and goes on.

`to` are emails of staff who may see the shop, or of its setting `notify`; others are left out, so that a slip of the
pen tells no stranger of a customer. Without `to` it goes to everybody of the setting. `subject` and `text` are Liquid
over what is known, as in a task; what is not known reads “(not known)”. It is no message to the customer: no consent,
no cap and no quiet hours hold it, and it goes out once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.answers import Answer, Do, Park, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "notify"
"""The action that it asks for (flows/actions)."""
MOST = 20
"""People who are told by one step."""


@dataclass(frozen=True, slots=True)
class Notify:
    """`to`: addresses in small letters, none for all of the shop's setting. `subject`, `text`: Liquid."""

    to: tuple[str, ...]
    subject: str
    text: str


class NotifyFields(Schema):
    to = fields.List(
        fields.Email(),
        validate=validate.Length(1, MOST),
        metadata={"description": "Emails of staff; everybody of the setting notify otherwise"},
    )
    subject = fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "The subject of the email"}
    )
    text = fields.String(required=True, validate=validate.Length(1, 4000), metadata={"description": "What it says"})


class NotifySchema(StepSchema):
    notify = fields.Nested(NotifyFields, required=True, metadata={"description": "Who is told what"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["notify"]
    to = dict.fromkeys(address.lower() for address in given.get("to", ()))
    return Written(Notify(tuple(to), given["subject"], given["text"]), "notify")


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Notify = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "staff_notified")
    return Park(does=(Do(ACTION, {"to": list(config.to), "subject": config.subject}),))


NOTIFY = StepKind(
    name="notify",
    about=__doc__,
    example={
        "notify": {
            "to": ["sales@shop.example"],
            "subject": "Demo asked for by {{ person.email }}",
            "text": "They have ordered {{ person.orders_count }} times.",
        }
    },
    schema=NotifySchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
    texts=("subject", "text"),
)
