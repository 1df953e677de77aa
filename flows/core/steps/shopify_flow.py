"""Starts a workflow of Shopify Flow: one that begins with the app's own trigger of this handle.

It is told whose customer it is about, and with `payload` what the trigger's other fields are to hold: values of your
own, or fields such as `{Order total: event.total}`. How [a trigger is declared](actions.md#a-trigger-of-shopify-flow).
Shopify has no way to tell a second try from the first, so it is asked once: when no answer is heard, the flow goes on,
and the trail says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from flows.core import values
from flows.core.answers import Answer, Do, Park, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.attribute import PlainField
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "shopify_flow"
"""The action that it asks for (flows/actions): ``{handle, payload}``."""
MOST = 30
"""Fields of a trigger that one step fills."""
_HANDLE = validate.Regexp(r"\A[a-z0-9][a-z0-9-]{0,49}\Z", error="use small letters, digits and dashes")
_FIELD = validate.Regexp(r"\A[A-Za-z][A-Za-z_ ]{0,49}\Z", error="the key of a trigger's field has letters and spaces")


@dataclass(frozen=True, slots=True)
class Trigger:
    """`payload`: values or fields by key, as `flows.core.values` reads them."""

    handle: str
    payload: Mapping[str, Any] = field(default_factory=dict)


class ShopifyFlowSchema(StepSchema):
    shopify_flow = fields.String(
        required=True, validate=_HANDLE, metadata={"description": "The handle of the app's trigger"}
    )
    payload = fields.Dict(
        keys=fields.String(validate=_FIELD),
        values=PlainField(),
        validate=validate.Length(1, MOST),
        metadata={"description": "What the trigger's fields hold: values, or fields such as event.total"},
    )


def read(data: Mapping[str, Any]) -> Written:
    payload = dict(data.get("payload", {}))
    paths = tuple(values.fields_in(payload, ("payload",)))
    return Written(Trigger(data["shopify_flow"], payload), f"shopify-flow-{data['shopify_flow']}"[:41], paths=paths)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Trigger = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "workflow_started")
    known = {key: value for key, value in values.taken(config.payload, facts).items() if value is not None}
    return Park(does=(Do(ACTION, {"handle": config.handle, "payload": known}),))


SHOPIFY_FLOW = StepKind(
    name=ACTION,
    about=__doc__,
    example={"shopify_flow": "cart-followed-up", "payload": {"Cart total": "event.total"}},
    schema=ShopifyFlowSchema,
    read=read,
    needs=lambda config: values.families_in(config.payload),
    run=run,
)
