"""What steps that send one message have in common: they want it, and wait for what became of it.

``flows.core.graph`` holds the channel of the message against the name of the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields

from flows.core.answers import Answer, Go, Park, Send, Woke
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written


@dataclass(frozen=True, slots=True)
class Message:
    """``message``: its name among the flow's messages."""

    message: str


def sending(channel: str, about: str | None, example: str) -> StepKind:
    """The step that sends messages by this channel, which gives the step its name. ``example``: of a message."""

    def read(data: Mapping[str, Any]) -> Written:
        return Written(Message(data[channel]), f"{channel}-{data[channel]}", messages=(data[channel],))

    named = fields.String(required=True, metadata={"description": "The message: messages/NAME"})
    return StepKind(
        name=channel,
        about=about or "",
        example={channel: example},
        schema=type(f"{channel.title()}Schema", (StepSchema,), {channel: named}),
        read=read,
        needs=lambda config: frozenset(),
        run=_run,
    )


def _run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Message = step.config
    if isinstance(woke, EffectDone):
        return Go(at=woke.at, code=f"message_{woke.outcome}", detail={"reason": woke.reason})
    return Park(sends=(Send(config.message),))
