"""Sends the person no marketing any more, by one channel or by all of them: the end of a win-back that nobody answered.

Messages about an order still reach them. Agreeing to marketing anew ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from flows.core.answers import Answer, Go, Woke
from flows.core.facts import Facts
from flows.core.model import Change, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written

CHANNELS = ("email", "sms", "whatsapp")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Suppress:
    channels: tuple[str, ...]


class SuppressSchema(StepSchema):
    suppress = fields.String(
        required=True,
        validate=validate.OneOf([*CHANNELS, ALL]),
        metadata={"description": "email, sms, whatsapp, or all"},
    )


def read(data: Mapping[str, Any]) -> Written:
    which = data["suppress"]
    return Written(Suppress(CHANNELS if which == ALL else (which,)), f"suppress-{which}")


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Suppress = step.config
    which = {"channels": list(config.channels)}
    return Go(code="left_alone", detail=which, changes=(Change("suppress", which),))


SUPPRESS = StepKind(
    name="suppress",
    about=__doc__,
    example={"suppress": "email"},
    schema=SuppressSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
