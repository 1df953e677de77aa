"""Gives the customer tags in the store, or takes tags away.

Conditions behind the step know them (`person.tags`), and Brevo is told as far as the shop's [mapping](mapping.md) names
tags. A tag that was not there before is told as `tag_added`, which may start other flows; no flow is started by what it
has led to itself. Who has no customer record in the store, for example somebody who only signed up, gets no tags.
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

ACTION = "tag"
"""The action that it asks for (flows/actions): ``{add, remove}``."""
MOST = 20
"""Tags in one step."""


@dataclass(frozen=True, slots=True)
class Tag:
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def _names(about: str) -> fields.List[Any]:
    # The store takes a text with a comma for two tags.
    form = validate.Regexp(r"\A(?=.*\S)[^,\x00-\x1f]{1,255}\Z", error="a tag is a text without commas")
    return fields.List(fields.String(validate=form), validate=validate.Length(1, MOST), metadata={"description": about})


class TagFields(Schema):
    add = _names("Tags that the customer is given")
    remove = _names("Tags that are taken away")

    @validates_schema
    def sensible(self, data: Mapping[str, Any], **_: Any) -> None:
        added, removed = ({tag.strip().casefold() for tag in data.get(name, ())} for name in ("add", "remove"))
        if not added and not removed:
            raise ValidationError("say which tags to add or to remove", "add")
        if both := sorted(added & removed):
            raise ValidationError(f"“{both[0]}” is given and taken away", "remove")


class TagSchema(StepSchema):
    tag = fields.Nested(TagFields, required=True, metadata={"description": "The customer's tags in the store"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["tag"]
    added, removed = (tuple(dict.fromkeys(tag.strip() for tag in given.get(name, ()))) for name in ("add", "remove"))
    return Written(Tag(added, removed), ACTION)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Tag = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "tagged")
    return Park(does=(Do(ACTION, {"add": list(config.add), "remove": list(config.remove), **doing(run, now)}),))


TAG = StepKind(
    name=ACTION,
    about=__doc__,
    example={"tag": {"add": ["VIP"], "remove": ["lead"]}},
    schema=TagSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
