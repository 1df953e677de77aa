"""Puts the person's contact on a list at Brevo, or takes it off one: for campaigns and automations of Brevo's.

A list is named by its name or its number. One that does not exist yet is made, in the folder of the shop's other lists.
The lists of those who agreed to something are not for flows to change: who is on them follows from consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from flows.core.answers import Answer, Do, Park, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "list"
"""The action that it asks for (flows/actions): ``{add, remove}``, each a name, a number or None."""
_LONGEST = 100
_PUT, _TAKE = "The list, by its name or number, that the contact is put on", "The list that it is taken off"


@dataclass(frozen=True, slots=True)
class Listing:
    add: str | int | None = None
    remove: str | int | None = None


class ListField(fields.Field[Any]):
    """The name of a list, or its number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if isinstance(value, str) and value.strip() and len(value) <= _LONGEST and value.isprintable():
            return value.strip()
        raise ValidationError("write the name of a list at Brevo, or its number")


class ListFields(Schema):
    add = ListField(metadata={"description": _PUT})
    remove = ListField(metadata={"description": _TAKE})

    @validates_schema
    def sensible(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("say which list to add to or to remove from", "add")
        if data.get("add") == data.get("remove"):
            raise ValidationError("the contact is put on the same list and taken off it", "remove")


class ListSchema(StepSchema):
    list = fields.Nested(ListFields, required=True, metadata={"description": "A list at Brevo"})


def read(data: Mapping[str, Any]) -> Written:
    return Written(Listing(data["list"].get("add"), data["list"].get("remove")), ACTION)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Listing = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "listed")
    return Park(does=(Do(ACTION, {"add": config.add, "remove": config.remove}),))


LIST = StepKind(
    name=ACTION,
    about=__doc__,
    example={"list": {"add": "Quiz takers"}},
    schema=ListSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
)
