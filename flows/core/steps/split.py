"""Divides people by chance into arms, in whole per cent.

The same person always gets the same arm of a split with the same name. An arm called `hold_out` takes no
steps: whoever is in it gets nothing more of the flow, while its goal is still watched. All other arms meet
again behind the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core import chance
from flows.core.answers import Answer, Finish, Go, Woke
from flows.core.facts import Facts
from flows.core.model import Run, Step
from flows.core.steps.kind import HOLD_OUT, StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class Split:
    name: str
    shares: Mapping[str, int]


class ArmsSchema(Schema):
    name = fields.String(
        required=True,
        validate=validate.Regexp(r"\A[a-z][a-z0-9-]{0,40}\Z", error="use small letters, digits and dashes"),
        metadata={"description": "Its name in reports; chance is hashed from it"},
    )
    shares = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"\A[a-z][a-z0-9_-]{0,40}\Z")),
        values=fields.Integer(strict=True, validate=validate.Range(1, 100)),
        required=True,
        metadata={"description": "Per cent of people by arm, 100 in all"},
    )
    arms = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Raw()),
        required=True,
        metadata={"description": "The steps of each arm; an empty list goes straight on"},
    )

    @validates_schema
    def complete(self, data: Mapping[str, Any], **_: Any) -> None:
        shares, arms = data["shares"], data["arms"]
        if sum(shares.values()) != 100:
            raise ValidationError(f"the shares sum to {sum(shares.values())}, they must sum to 100", "shares")
        if HOLD_OUT in arms:
            raise ValidationError("hold_out has no steps; leave it out of the arms", "arms")
        for arm in arms:
            if arm not in shares:
                raise ValidationError(f"“{arm}” has steps but no share", "arms")
        for arm in shares:
            if arm not in arms and arm != HOLD_OUT:
                raise ValidationError(f"“{arm}” has a share but no steps; write {arm}: [] to go straight on", "shares")


class SplitSchema(StepSchema):
    split = fields.Nested(ArmsSchema, required=True, metadata={"description": "name, shares and arms"})


def read(data: Mapping[str, Any]) -> Written:
    split = data["split"]
    # By name: stored as JSON the arms come back in another order, and everybody must keep their arm.
    shares = dict(sorted(split["shares"].items()))
    arms = [arm for arm in shares if arm != HOLD_OUT]
    branches = {arm: (("split", "arms", arm), split["arms"][arm]) for arm in arms}
    return Written(Split(split["name"], shares), f"split-{split['name']}", branches)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Split = step.config
    arm = chance.pick(config.shares, chance.draw(run.flow, config.name, chance.seed(facts)))
    chosen = {f"split.{config.name}": arm}
    detail = {"split": config.name, "port": arm}
    if arm == HOLD_OUT:
        return Finish("held_out", vars=chosen, code="split", detail=detail)
    return Go(arm, vars=chosen, code="split", detail=detail)


SPLIT = StepKind(
    name="split",
    about=__doc__,
    example={
        "split": {
            "name": "urgency",
            "shares": {"plain": 50, "countdown": 50},
            "arms": {"plain": [{"email": "incentive"}], "countdown": [{"email": "incentive-countdown"}]},
        }
    },
    schema=SplitSchema,
    read=read,
    needs=lambda config: frozenset({"person"}),
    run=run,
)
