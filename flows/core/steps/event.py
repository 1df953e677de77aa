"""Tells an event of your own about the person: `custom:NAME`, at once.

Other flows may start on it, wait for it or end with it, scores may count it, and Brevo is told of it if the shop's
[event mapping](mapping.md) names it. `properties` are values of your own or fields, such as `{total: event.total}`;
they are read as `event.properties.total`. A flow cannot tell the event that it starts on itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core import values
from flows.core.answers import Answer, Go, Woke
from flows.core.facts import Facts
from flows.core.model import Change, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written
from flows.core.vocabulary import CUSTOM, CUSTOM_NAME

CHANGE = "event"
"""The kind of the change: ``{name, properties}``."""


@dataclass(frozen=True, slots=True)
class Tell:
    """`name`: as flows name the event. `properties`: as `flows.core.values` reads them."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)


class EventFields(Schema):
    name = fields.String(
        required=True,
        validate=validate.Regexp(rf"(?:{CUSTOM})?{CUSTOM_NAME}\Z", error="use small letters, digits and _"),
        metadata={"description": "Its name; flows name it custom:NAME"},
    )
    properties = values.ValuesField(metadata={"description": "What is told with it: values, or fields"})


class EventSchema(StepSchema):
    event = fields.Nested(EventFields, required=True, metadata={"description": "The event that is told"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["event"]
    name, told = given["name"].removeprefix(CUSTOM), given.get("properties", {})
    paths = tuple(values.fields_in(told, ("event", "properties")))
    return Written(Tell(f"{CUSTOM}{name}", told), f"event-{name.replace('_', '-')}", paths=paths)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Tell = step.config
    told = {"name": config.name, "properties": values.taken(config.properties, facts)}
    return Go(code="event_told", detail={"event": config.name}, changes=(Change(CHANGE, told),))


EVENT = StepKind(
    name="event",
    about=__doc__,
    example={"event": {"name": "lead_qualified", "properties": {"source": "webinar"}}},
    schema=EventSchema,
    read=read,
    needs=lambda config: values.families_in(config.properties),
    run=run,
    tells=lambda config: (config.name,),
)
