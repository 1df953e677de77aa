"""Tells a system of the merchant's something about the person, and goes on at once.

`endpoint` is the name of an [outgoing webhook](outgoing-webhooks.md): it gets an event of type `flow_webhook`, signed,
and tried again until it arrives, however far the flow has come meanwhile. `data` are values of your own or fields, such
as `{total: event.total}`. An endpoint that is not there, or is disabled, is told nothing, and the flow goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from flows.core import values
from flows.core.answers import Answer, Do, Park, Woke
from flows.core.entries import NAME
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "webhook"
"""The action that it asks for (flows/actions)."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """`data`: as `flows.core.values` reads them."""

    endpoint: str
    data: Mapping[str, Any] = field(default_factory=dict)


class WebhookFields(Schema):
    endpoint = fields.String(
        required=True, validate=NAME, metadata={"description": "The name of the endpoint, as the page Webhooks has it"}
    )
    data = values.ValuesField(metadata={"description": "What it is told: values, or fields such as event.total"})


class WebhookSchema(StepSchema):
    webhook = fields.Nested(WebhookFields, required=True, metadata={"description": "Which endpoint is told what"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["webhook"]
    told = given.get("data", {})
    paths = tuple(values.fields_in(told, ("webhook", "data")))
    return Written(Webhook(given["endpoint"], told), f"webhook-{given['endpoint']}", paths=paths)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Webhook = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "endpoint_told")
    told = {"endpoint": config.endpoint, "data": values.taken(config.data, facts)}
    return Park(does=(Do(ACTION, told),))


WEBHOOK = StepKind(
    name="webhook",
    about=__doc__,
    example={"webhook": {"endpoint": "crm", "data": {"stage": "demo", "email": "person.email"}}},
    schema=WebhookSchema,
    read=read,
    needs=lambda config: values.families_in(config.data),
    run=run,
)
