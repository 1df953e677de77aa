"""Waits for a length of time, until a moment, or for an event.

- `3h`, `2d`, `1w`: counted from the moment the step before was done. A day is 24 hours.
- `{until: +24h from trigger}`: counted from the fact that started the flow (the last change of the checkout),
  not from when the flow noticed. When that moment has passed the flow goes on at once.
- `{until: "09:00"}`: the next time the clock shows 9:00 where the person lives (else where the shop is). A
  time that the change to summer time skips moves forward; one that occurs twice means the first.
  `tomorrow 09:00` is not today; `monday 09:00` is the next Monday, `weekday 09:00` the next day from Monday to Friday,
  `weekend 10:00` Saturday or Sunday.
- `{until: 2026-12-24 09:00}`: that day, there. When it has passed the flow goes on at once.
- `{until: -7d from event.expires_at}`: so long before, or after (`+`), a date of the event that started the flow;
  `event.expires_at` alone is that moment. `+1d from trigger at 09:00` is 9:00 on the day after, by the calendar.
  Whoever's event has no such date leaves the flow (`no_date`).
- `{for: order_paid, at_most: 3d}`: until the event happens, for so long at most. `then` are the steps if it came,
  `else` those if it did not; both meet again behind the step. `where` asks for more, of fields of that event; `match`
  names a field that must be the same as in the trigger. What happened before the wait began does not count, and of
  what becomes of messages (`message_clicked`) only that of messages of this flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validates_schema

from flows.core import conditions, durations
from flows.core.answers import Answer, Finish, Go, Park, Woke
from flows.core.entries import ConditionField, DurationField, EventField, PathField, StepsField, TextOr
from flows.core.facts import Facts
from flows.core.model import Run, Step, TimerFired
from flows.core.steps import awaited
from flows.core.steps.awaited import Awaited
from flows.core.steps.kind import Asked, StepKind, StepSchema, Written
from flows.core.steps.until import PATTERN as UNTIL_PATTERN
from flows.core.steps.until import TRIGGER, NoMoment, Offset, OnDate, Until
from flows.core.steps.until import due as due_of
from flows.core.steps.until import longest as longest_until
from flows.core.steps.until import parse as parse_until

NO_DATE = "no_date"
"""How a run ends whose event lacks the date that a wait counts from."""


@dataclass(frozen=True, slots=True)
class For:
    span: timedelta


Wait = For | Until | Awaited

_FORMS = (
    "write a length of time such as 3h, or {until: “09:00”}, {until: +24h from trigger}, {for: order_paid, at_most: 3d}"
)


# By from_dict, because `for` is no name for an attribute.
_WaitFields = Schema.from_dict(
    {
        "until": fields.String(
            metadata={
                "description": "09:00, tomorrow 09:00, monday 09:00, weekday 09:00, 2026-12-24 09:00, "
                "+24h from trigger, -7d from event.FIELD",
                "pattern": UNTIL_PATTERN,
            }
        ),
        "for": EventField(metadata={"description": "In place of it: the event that is waited for"}),
        "where": ConditionField(metadata={"description": "Only such an event for which this holds"}),
        "match": PathField(metadata={"description": "A field that must be the same as in the trigger"}),
        "at_most": DurationField(metadata={"description": "How long the event is waited for"}),
    },
    name="WaitFields",
)


class WaitEntries(_WaitFields):  # type: ignore[misc, valid-type]
    editor: ClassVar = {"oneOf": [{"required": ["until"]}, {"required": ["for", "at_most"]}]}

    @validates_schema
    def complete(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("until" in data) == ("for" in data):
            raise ValidationError(_FORMS, "until")
        if "for" in data and "at_most" not in data:
            raise ValidationError("say for how long, for example at_most: 3d", "for")
        beside = [name for name in ("where", "match", "at_most") if name in data]
        if "until" in data and beside:
            raise ValidationError("it belongs to “for: EVENT”; leave it out", beside[0])


class WaitSchema(StepSchema):
    wait = TextOr(
        WaitEntries,
        wrong=_FORMS,
        required=True,
        text={"type": "string", "pattern": durations.PATTERN},
        metadata={"description": "3h, 2d, 1w, or {until: MOMENT}, or {for: EVENT, at_most: 3d}"},
    )
    then = StepsField(metadata={"description": "The steps if the event came"})
    otherwise = StepsField(data_key="else", metadata={"description": "The steps if it did not come in time"})

    @validates_schema
    def ways(self, data: Mapping[str, Any], **_: Any) -> None:
        if not (isinstance(data["wait"], Mapping) and "for" in data["wait"]):
            for name, key in (("then", "then"), ("otherwise", "else")):
                if name in data:
                    raise ValidationError("only a wait for an event has two ways; leave it out", key)


def read(data: Mapping[str, Any]) -> Written:
    wait = data["wait"]
    if isinstance(wait, str):
        return Written(For(durations.parse(wait)), "wait")
    if "until" in wait:
        until = parse_until(wait["until"])
        counts_from = until.anchor if isinstance(until, Offset) and until.anchor != TRIGGER else None
        return Written(until, "wait", paths=((("wait", "until"), counts_from),) if counts_from else ())
    where, match = wait.get("where"), wait.get("match")
    branches = {
        awaited.CAME: (("then",), data.get("then", [])),
        awaited.MISSED: (("else",), data.get("otherwise", [])),
    }
    return Written(
        Awaited(wait["for"], wait["at_most"], where, match),
        f"wait-for-{wait['for'].replace('_', '-').replace(':', '-')}",
        branches,
        asks=(Asked(("wait", "where"), where, wait["for"]),) if where else (),
        paths=((("wait", "match"), match),) if match else (),
    )


def longest(wait: Wait) -> timedelta:
    """So long this wait lasts at most, counted from the moment it counts from."""
    match wait:
        case For(span=span):
            return span
        case Awaited(at_most=span):
            return span
        case _:
            return longest_until(wait)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Wait = step.config
    if isinstance(config, Awaited):
        return awaited.answer(config, run, facts, now, woke)
    if isinstance(woke, TimerFired) and run.waiting is not None:
        # From when it was due, so that a late tick does not push back everything behind it.
        return Go(at=run.waiting.due_at)
    try:
        until = run.since + config.span if isinstance(config, For) else due_of(config, run, facts, now)
    except NoMoment as problem:
        return Finish(NO_DATE, code="wait_unclear", detail={"because": str(problem)})
    if until <= now:
        return Go(at=max(until, run.since), code="not_waited", detail={"until": until.isoformat()})
    return Park(until=until)


def _needs(config: Wait) -> frozenset[str]:
    match config:
        case Awaited(where=where):
            return conditions.needs(where)
        case For() | Offset(anchor="trigger", at=None):
            return frozenset()
        case _:
            return frozenset({"person", "shop"})


def _takes_time(config: Wait) -> bool:
    """A date may have passed, of whatever is older than the flow."""
    return not (isinstance(config, OnDate) or (isinstance(config, Offset) and config.anchor != TRIGGER))


WAIT = StepKind(
    name="wait",
    about=__doc__,
    example={"wait": {"until": "+24h from trigger"}},
    schema=WaitSchema,
    read=read,
    needs=_needs,
    run=run,
    waits=_takes_time,
)
