"""Gives staff something to do about the person, and goes on at once.

`title` and `details` are Liquid over what is known: `{{ person.first_name }}`, `{{ event.total }}`, `{{ shop.name }}`,
`{{ coupon.NAME.code }}`. What is not known reads “(not known)”, so that no task is lost for it. `assignee` is the email
of somebody on the staff, or of the shop's setting `notify`; without one, or when nobody there has it, the task is
everybody's. `due` counts from when the flow gets there.

`connector task` shows the tasks and closes them. A flow can wait for it: `{for: task_done, at_most: 3d}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.answers import Answer, Do, Park, Woke
from flows.core.entries import DurationField
from flows.core.facts import Facts
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.deed import went
from flows.core.steps.kind import StepKind, StepSchema, Written

ACTION = "task"
"""The action that it asks for (flows/actions)."""


@dataclass(frozen=True, slots=True)
class Task:
    """`title`, `details`: Liquid. `assignee`: an address in small letters. `due`: how long staff have."""

    title: str
    details: str = ""
    assignee: str | None = None
    due: timedelta | None = None


class TaskFields(Schema):
    title = fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "What is to be done, in a line"}
    )
    details = fields.String(
        validate=validate.Length(1, 4000), metadata={"description": "What whoever does it has to know"}
    )
    assignee = fields.Email(metadata={"description": "Who is to do it: the email of somebody on the staff"})
    due = DurationField(metadata={"description": "How long they have, e.g. 2d"})


class TaskSchema(StepSchema):
    task = fields.Nested(TaskFields, required=True, metadata={"description": "What staff are to do"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["task"]
    assignee = given["assignee"].lower() if "assignee" in given else None
    return Written(Task(given["title"], given.get("details", ""), assignee, given.get("due")), "task")


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Task = step.config
    if isinstance(woke, EffectDone):
        return went(woke, ACTION, "task_given")
    # As it was written: what it says of the person is filled in where the task is kept.
    return Park(does=(Do(ACTION, {"title": config.title, "assignee": config.assignee}),))


TASK = StepKind(
    name="task",
    about=__doc__,
    example={
        "task": {
            "title": "Call {{ person.first_name }}",
            "details": "They asked for a demo.",
            "assignee": "sales@shop.example",
            "due": "2d",
        }
    },
    schema=TaskSchema,
    read=read,
    needs=lambda config: frozenset(),
    run=run,
    texts=("title", "details"),
)
