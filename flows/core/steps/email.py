"""Sends one email of the flow and waits until it was accepted, skipped or refused.

The next wait counts from that moment. Whether it may leave at all is asked right before it leaves (consent,
caps, quiet hours and so on). While nobody knows whether the provider took it, the flow stays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields

from flows.core.answers import Answer, Go, Park, Send, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class Email:
    message: str


class EmailSchema(StepSchema):
    email = fields.String(required=True, metadata={"description": "The message: messages/NAME"})


def read(data: Mapping[str, Any]) -> Written:
    return Written(Email(data["email"]), f"email-{data['email']}", messages=(data["email"],))


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Email = step.config
    if isinstance(woke, EffectDone):
        return Go(at=woke.at, code=f"message_{woke.outcome}", detail={"reason": woke.reason})
    return Park(sends=(Send(config.message),))


EMAIL = StepKind(
    name="email",
    about=__doc__,
    example={"email": "reminder"},
    schema=EmailSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
