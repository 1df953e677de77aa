"""Puts the person into another flow as well and goes on with this one.

The other flow asks everything that it asks of anybody but its trigger; the trail says so when it does not take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields

from flows.core.answers import Answer, Go, Woke
from flows.core.entries import NAME
from flows.core.facts import Facts
from flows.core.model import Change, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written
from flows.core.steps.move_to import ENTER as ENTERS
from flows.core.steps.move_to import Move


class EnterSchema(StepSchema):
    enter = fields.String(required=True, validate=NAME, metadata={"description": "The other flow"})


def read(data: Mapping[str, Any]) -> Written:
    return Written(Move(data["enter"]), f"enter-{data['enter']}")


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Move = step.config
    to = {"flow": config.flow}
    return Go(code="put_into", detail=to, changes=(Change(ENTERS, to),))


ENTER = StepKind(
    name="enter",
    about=__doc__,
    example={"enter": "post-purchase"},
    schema=EnterSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
    targets=lambda config: (config.flow,),
)
