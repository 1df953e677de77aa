"""Divides people by chance into arms, in whole per cent.

The same person always gets the same arm of a split with the same name. An arm called `hold_out` takes no
steps: whoever is in it gets nothing more of the flow, while its goal is still watched. All other arms meet
again behind the step.

When one arm has won, publish the flow with `winner: ARM`: everybody who comes to the split from then on takes
it, but for those who are held out; whoever has passed the split goes on in their arm. What was learned is
kept in `learned`, and the next thing can be tried in a split with another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from flows.core import chance
from flows.core.answers import Answer, Finish, Go, Woke
from flows.core.entries import StepsField
from flows.core.experiment_entries import SharesSchema, shares_of
from flows.core.experiments import HOLD_OUT, drawn
from flows.core.facts import Facts
from flows.core.model import Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class Split:
    name: str
    shares: Mapping[str, int]
    winner: str | None = None


class ArmsSchema(SharesSchema):
    arms = fields.Dict(
        keys=fields.String(),
        values=StepsField(),
        required=True,
        metadata={"description": "The steps of each arm; an empty list goes straight on"},
    )

    @validates_schema
    def complete(self, data: Mapping[str, Any], **_: Any) -> None:
        shares, arms = data["shares"], data["arms"]
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
    shares = shares_of(split)
    arms = [arm for arm in shares if arm != HOLD_OUT]
    branches = {arm: (("split", "arms", arm), split["arms"][arm]) for arm in arms}
    return Written(Split(split["name"], shares, split.get("winner")), f"split-{split['name']}", branches)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Split = step.config
    arm = drawn(config.shares, config.winner, run.flow, config.name, chance.seed(facts))
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
