"""Ends this flow for the person and puts them into another one, with the event that started this one.

The other flow asks everything that it asks of anybody but its trigger: its audience, whether it lets somebody in again,
what it stays away from. Whom it does not take has left this one all the same, and the trail says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields

from flows.core.answers import Answer, Finish, Woke
from flows.core.entries import NAME
from flows.core.facts import Facts
from flows.core.model import Change, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written

ENTER = "enter"
"""The change that puts somebody into another flow; its data name it as `flow`."""


@dataclass(frozen=True, slots=True)
class Move:
    flow: str


class MoveToSchema(StepSchema):
    move_to = fields.String(required=True, validate=NAME, metadata={"description": "The other flow"})


def read(data: Mapping[str, Any]) -> Written:
    return Written(Move(data["move_to"]), f"move-to-{data['move_to']}", ends=True)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Move = step.config
    to = {"flow": config.flow}
    return Finish(f"moved:{config.flow}", code="moved_on", detail=to, changes=(Change(ENTER, to),))


MOVE_TO = StepKind(
    name="move_to",
    about=__doc__,
    example={"move_to": "post-purchase"},
    schema=MoveToSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
    targets=lambda config: (config.flow,),
)
