"""Adds points to the person's standing in the shop's [loyalty programme](loyalty.md), or takes points away.

`{add: 50, reason: Welcome}`; with `add: -50` they are taken away, and nobody is left with fewer than none. What follows
from it is told like any other change of points (`points_earned`, `points_spent`), with the reason, and a store whose
metafields hold the points is told. A shop that keeps no loyalty data goes on without.
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
from flows.core.steps.deed import doing, went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "points"
"""The action that it asks for (flows/actions): ``{add, reason}``."""
MOST = 1_000_000
"""Points at once."""


@dataclass(frozen=True, slots=True)
class Points:
    add: int
    reason: str = ""


class PointsFields(Schema):
    add = fields.Integer(
        strict=True,
        required=True,
        validate=[validate.Range(-MOST, MOST), validate.NoneOf([0])],
        metadata={"description": "How many points more (or less)"},
    )
    reason = fields.String(validate=validate.Length(1, 100), metadata={"description": "What for, for people to read"})


class PointsSchema(StepSchema):
    points = fields.Nested(PointsFields, required=True, metadata={"description": "Points of the loyalty programme"})


def read(data: Mapping[str, Any]) -> Written:
    return Written(Points(data["points"]["add"], data["points"].get("reason", "")), ACTION)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Points = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "points_added")
    return Park(does=(Do(ACTION, {"add": config.add, "reason": config.reason, **doing(run, now)}),))


POINTS = StepKind(
    name=ACTION,
    about=__doc__,
    example={"points": {"add": 50, "reason": "Welcome"}},
    schema=PointsSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
