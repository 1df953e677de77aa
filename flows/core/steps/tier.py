"""Gives the person a tier of the shop's [loyalty programme](loyalty.md): `{set: Gold}`, `{move: up}` or `{move: down}`.

The order is that of the shop's `tiers`; whoever has none comes up to the lowest. What follows is told like any other
change of tier (`tier_upgraded`, `tier_downgraded`), and a store whose metafields hold the tier is told. Above the
highest and below the lowest there is none: then, and where the shop keeps no loyalty data, the flow goes on without.
Where the tier is a tag of the customer, the step `tag` changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core.answers import Answer, Do, Park, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import doing, went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "tier"
"""The action that it asks for (flows/actions): ``{set}`` or ``{move}``."""
UP, DOWN = "up", "down"


@dataclass(frozen=True, slots=True)
class Tier:
    """`to`: the tier's name; or `move`: UP or DOWN."""

    to: str | None = None
    move: str | None = None


_TierFields = Schema.from_dict(
    {
        # `set` would hide the type's name.
        "set": fields.String(validate=validate.Length(1, 100), metadata={"description": "The tier"}),
        "move": fields.String(validate=validate.OneOf([UP, DOWN]), metadata={"description": "up or down, by one tier"}),
    },
    name="TierFields",
)


class ChangeSchema(_TierFields):  # type: ignore[misc, valid-type]
    @validates_schema
    def one(self, data: Mapping[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("say either set, with a tier, or move, up or down", "set")


class TierSchema(StepSchema):
    tier = fields.Nested(ChangeSchema, required=True, metadata={"description": "A tier of the loyalty programme"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["tier"]
    return Written(Tier(given.get("set"), given.get("move")), f"tier-{given['move']}" if "move" in given else ACTION)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Tier = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "tier_given")
    wanted = {"move": config.move} if config.move else {"set": config.to}
    return Park(does=(Do(ACTION, {**wanted, **doing(run, now)}),))


TIER = StepKind(
    name=ACTION,
    about=__doc__,
    example={"tier": {"move": "up"}},
    schema=TierSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
