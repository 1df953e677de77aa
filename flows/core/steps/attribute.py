"""Writes attributes of the person's contact at Brevo: values of your own, or fields such as `event.total`.

An attribute that does not exist at Brevo is created, with the type that its first value suggests; a value that is not
of the attribute's type is left out, because Brevo would drop it without a word. What is not known is not written.
Attributes that the shop's [mapping](mapping.md) fills belong to the mapping, and are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from flows.core import values
from flows.core.answers import Answer, Do, Go, Park, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "attribute"
"""The action that it asks for (flows/actions): ``{values: {name: value}}``."""
MOST = 20
"""Attributes in one step."""
_NAME = validate.Regexp(r"\A[A-Z][A-Z0-9_]{0,49}\Z", error="an attribute's name has capitals, digits and _")


@dataclass(frozen=True, slots=True)
class Attributes:
    """`written`: values or fields by name, as `flows.core.values` reads them."""

    written: Mapping[str, Any]


class PlainField(fields.Field[Any]):
    """A text, a number, yes or no, or the name of a field."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str | int | float | bool) or value == "":
            raise ValidationError("write a text, a number, true or false, or a field such as event.total")
        if isinstance(value, str) and len(value) > values.LONGEST:
            raise ValidationError(f"a text has at most {values.LONGEST} characters")
        return value


class AttributeSchema(StepSchema):
    attribute = fields.Dict(
        keys=fields.String(validate=_NAME),
        values=PlainField(),
        required=True,
        validate=validate.Length(1, MOST),
        metadata={"description": "The attribute, and its value or the field that holds it"},
    )


def read(data: Mapping[str, Any]) -> Written:
    written = dict(data["attribute"])
    paths = tuple(values.fields_in(written, (ACTION,)))
    return Written(Attributes(written), f"attribute-{min(written).lower().replace('_', '-')}"[:41], paths=paths)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Attributes = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "attributes_written")
    known = {name: value for name, value in values.taken(config.written, facts).items() if value not in (None, "")}
    if not known:
        return Go(code=f"{ACTION}_skipped", detail={"reason": "no_value"})
    return Park(does=(Do(ACTION, {"values": known}),))


ATTRIBUTE = StepKind(
    name=ACTION,
    about=__doc__,
    example={"attribute": {"LAST_QUIZ": "coffee", "LAST_CART": "event.total"}},
    schema=AttributeSchema,
    read=read,
    needs=lambda config: values.families_in(config.written),
    run=run,
)
