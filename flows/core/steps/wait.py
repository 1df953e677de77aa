"""Waits for a length of time, until so long after the trigger, or until a time of day.

- `3h`, `2d`, `1w`: counted from the moment the step before was done. A day is 24 hours.
- `{until: +24h from trigger}`: counted from the fact that started the flow (the last change of the checkout),
  not from when the flow noticed. When that moment has passed the flow goes on at once.
- `{until: "09:00"}`: the next time the clock shows 9:00 where the person lives (else where the shop is). A
  time that the change to summer time skips moves forward; one that occurs twice means the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from marshmallow import fields

from flows.core import calendar, durations
from flows.core.answers import Answer, Go, Park, Woke
from flows.core.facts import Facts
from flows.core.model import Run, Step, TimerFired
from flows.core.steps.kind import StepKind, StepSchema, Written

MISSED = timedelta(hours=1)
"""A time of day that passed longer ago than this while nobody was looking was missed: take the next one."""


@dataclass(frozen=True, slots=True)
class For:
    span: timedelta


@dataclass(frozen=True, slots=True)
class AfterTrigger:
    span: timedelta


@dataclass(frozen=True, slots=True)
class UntilTime:
    at: time


Wait = For | AfterTrigger | UntilTime


class WaitSchema(StepSchema):
    wait = fields.Raw(
        required=True, metadata={"description": "3h, 2d, 1w, or {until: +24h from trigger} or {until: 09:00}"}
    )


def _read_wait(value: Any) -> Wait:
    if isinstance(value, str):
        return For(durations.parse(value))
    if isinstance(value, dict) and set(value) == {"until"} and isinstance(value["until"], str):
        until = value["until"].strip()
        if until.startswith("+"):
            span, _, anchor = until[1:].partition(" ")
            if anchor.strip() != "from trigger":
                raise ValueError(f"“{until}”: write for example “+24h from trigger”")
            return AfterTrigger(durations.parse(span))
        return UntilTime(calendar.time_of_day(until))
    raise ValueError("wait needs a length of time such as 3h, or {until: +24h from trigger}, or {until: “09:00”}")


def read(data: Mapping[str, Any]) -> Written:
    return Written(_read_wait(data["wait"]), "wait")


def due(wait: Wait, run: Run, facts: Facts, now: datetime) -> datetime:
    """When this wait of this run ends."""
    match wait:
        case For(span=span):
            return run.since + span
        case AfterTrigger(span=span):
            return run.anchor_at + span
        case UntilTime(at=at):
            where = calendar.zone_of(facts)
            moment = calendar.next_time_of_day(at, run.since, where)
            return moment if now - moment <= MISSED else calendar.next_time_of_day(at, now, where)


def longest(wait: Wait) -> timedelta:
    """So long this wait lasts at most, counted from the moment it counts from."""
    # A time of day comes again after a day, which is 25 hours when the clocks go back.
    return timedelta(hours=25) if isinstance(wait, UntilTime) else wait.span


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    if isinstance(woke, TimerFired) and run.waiting is not None:
        # From when it was due, so that a late tick does not push back everything behind it.
        return Go(at=run.waiting.due_at)
    until = due(step.config, run, facts, now)
    return Go(at=max(until, run.since)) if until <= now else Park(until=until)


def _needs(config: Wait) -> frozenset[str]:
    return frozenset({"person", "shop"}) if isinstance(config, UntilTime) else frozenset()


WAIT = StepKind(
    name="wait",
    about=__doc__,
    example={"wait": {"until": "+24h from trigger"}},
    schema=WaitSchema,
    read=read,
    needs=_needs,
    run=run,
    waits=True,
)
