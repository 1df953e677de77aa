"""What steps that send one message have in common: they want it, and wait for what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from flows.core import conditions
from flows.core.answers import Answer, Go, Park, Send, Woke
from flows.core.conditions import Condition, Yes
from flows.core.entries import ConditionField
from flows.core.facts import Facts
from flows.core.model import EffectDone, OnCap, Run, Step
from flows.core.steps.kind import Asked, StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class Message:
    """``message``: its name among the flow's messages. ``on_cap``: what becomes of it when a frequency cap is full.
    ``only_for``: whom it is for, None for everybody in the flow."""

    message: str
    on_cap: OnCap = "defer"
    only_for: Condition | None = None


class MessageSchema(StepSchema):
    on_cap = fields.String(
        validate=validate.OneOf(["defer", "drop"]),
        metadata={
            "description": "When a frequency cap is full: defer (the default) sends it once there is room, as long as "
            "its deadline allows; drop leaves it out and goes on"
        },
    )
    only_for = ConditionField(metadata={"description": "Only people for whom this holds; the others go on without it"})


def sending(channel: str, about: str | None, example: str) -> StepKind:
    """The step that sends messages by this channel, which gives the step its name. ``example``: of a message."""

    def read(data: Mapping[str, Any]) -> Written:
        only_for = data.get("only_for")
        return Written(
            Message(data[channel], data.get("on_cap", "defer"), only_for),
            f"{channel}-{data[channel]}",
            messages=(data[channel],),
            asks=(Asked(("only_for",), only_for),) if only_for else (),
        )

    named = fields.String(required=True, metadata={"description": "The message: messages/NAME"})
    return StepKind(
        name=channel,
        about=about or "",
        example={channel: example},
        schema=type(f"{channel.title()}Schema", (MessageSchema,), {channel: named}),
        read=read,
        needs=lambda config: conditions.needs(config.only_for),
        run=_run,
    )


def _run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Message = step.config
    if isinstance(woke, EffectDone):
        return Go(at=woke.at, code=f"message_{woke.outcome}", detail={"reason": woke.reason})
    if config.only_for is not None:
        verdict = conditions.evaluate(config.only_for, facts, now)
        if not isinstance(verdict, Yes):
            because = {"truth": conditions.truth(verdict), "because": verdict.because.to_json()}
            return Go(code="message_not_for_them", detail={"message": config.message, **because})
    return Park(sends=(Send(config.message),))
