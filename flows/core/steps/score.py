"""Adds to a score of the person, or takes away: `{lead: 5}`, `{engagement: -2}`.

Reaching a number of points that the shop has named tells `score_reached`. Nothing is added for somebody who objected to
profiling.
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
from flows.core.scores import MOST_POINTS, NAMES
from flows.core.steps.kind import StepKind, StepSchema, Written

CHANGE = "score"
"""The kind of the change: ``{score: points, ...}``."""


@dataclass(frozen=True, slots=True)
class Score:
    points: Mapping[str, int]


class ScoreSchema(StepSchema):
    score = fields.Dict(
        keys=fields.String(validate=validate.OneOf(NAMES)),
        values=fields.Integer(strict=True, validate=[validate.Range(-MOST_POINTS, MOST_POINTS), validate.NoneOf([0])]),
        required=True,
        validate=validate.Length(1, len(NAMES)),
        metadata={"description": "The score, and how many points more (or less)"},
    )


def read(data: Mapping[str, Any]) -> Written:
    return Written(Score(data["score"]), f"score-{min(data['score'])}")


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Score = step.config
    points = dict(config.points)
    return Go(code="scored", detail=points, changes=(Change(CHANGE, points),))


SCORE = StepKind(
    name="score",
    about=__doc__,
    example={"score": {"lead": 5}},
    schema=ScoreSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
