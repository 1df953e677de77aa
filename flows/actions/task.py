"""A task for staff: a row of ``tasks``, one for an effect however often it is tried. Nothing outside is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from connector import staff_addresses
from connector.deps import Deps
from connector.models.outbox import outbox
from connector.models.task import tasks
from connector.scope import Scope
from connector.shops import Shop
from flows.actions import action
from flows.actions.action import Action, NotDone, Prepared, Result
from flows.content.problems import ContentProblem
from flows.content.staff_text import fill
from flows.core.steps.task import ACTION, Task

LONGEST = 300
"""Characters of a title."""


def prepare(scope: Scope, task: action.Task) -> Prepared:
    """The row to be written. Who is not on the staff any more gets nothing: the task is then everybody's."""
    step: Task = task.flow.steps[task.row["step"]].config
    facts = task.facts() if "{" in step.title + step.details else {}
    try:
        title, details = fill(step.title, facts), fill(step.details, facts)
    except ContentProblem as problem:
        raise NotDone("render", problem.sentence) from problem
    assignee = staff_addresses.among(scope.connection, scope.shop, [step.assignee] if step.assignee else [])
    row = task.row
    return {
        "shop_id": scope.shop_id,
        "outbox_id": row["id"],
        "run_id": row["run_id"],
        "flow": row["flow"],
        "step": row["step"],
        "title": " ".join(title.split())[:LONGEST] or task.flow.name,
        "details": details,
        "assignee": next(iter(assignee), None),
        "due_at": row["due_at"] + step.due if step.due else None,
        "state": "open",
        "made_at": scope.now,
    }


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """There is nobody to be asked."""
    return {}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    """Its number, and who has it."""
    made = scope.connection.scalar(_NEW, dict(prepared))
    if made is None:
        known = {"shop": scope.shop_id, "its_outbox": prepared["outbox_id"]}
        made = scope.connection.scalar(_KNOWN, known)
    return {"task": made, "assignee": prepared["assignee"]}


_KNOWN = select(tasks.c.id).where(tasks.c.shop_id == bindparam("shop"), tasks.c.outbox_id == bindparam("its_outbox"))
_GIVEN = (
    "shop_id",
    "outbox_id",
    "run_id",
    "flow",
    "step",
    "title",
    "details",
    "assignee",
    "due_at",
    "state",
    "made_at",
)
# Whose it is as of now: people who turn out to be one are merged.
_OF_PERSON = select(
    *(bindparam(name, type_=tasks.c[name].type).label(name) for name in _GIVEN), outbox.c.person_id
).where(outbox.c.shop_id == bindparam("shop_id"), outbox.c.id == bindparam("outbox_id"))
_NEW = (
    insert(tasks)
    .from_select([*_GIVEN, "person_id"], _OF_PERSON)
    .on_conflict_do_nothing(index_elements=["shop_id", "outbox_id"])
    .returning(tasks.c.id)
)

TASK = Action(ACTION, prepare, act, record)
