"""Ends the flow for this person, with an outcome that reports show. A flow also ends after its last step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from flows.core.answers import Answer, Finish, Woke
from flows.core.facts import Facts
from flows.core.model import Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class End:
    outcome: str


class EndSchema(StepSchema):
    end = fields.String(
        required=True,
        validate=validate.Regexp(r"\A[a-z][a-z0-9_-]{0,40}\Z", error="use small letters, digits and dashes"),
        metadata={"description": "A word of your own for how it ended, e.g. no-offer"},
    )


def read(data: Mapping[str, Any]) -> Written:
    return Written(End(data["end"]), f"end-{data['end']}", ends=True)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: End = step.config
    return Finish(config.outcome)


END = StepKind(
    name="end",
    about=__doc__,
    example={"end": "no-offer"},
    schema=EndSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
