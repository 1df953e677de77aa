"""What flows have given staff to do: looking at it, giving it to somebody, closing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from connector import eventlog, staff_addresses
from connector.errors import InvalidInput
from connector.eventlog import Fact
from connector.locks import lock_persons
from connector.models.person import persons
from connector.models.task import tasks
from connector.scope import Scope

DONE = "task_done"
"""The event by which flows hear that a task is closed."""
Outcome = Literal["done", "dropped"]


class NoTask(InvalidInput):
    """The shop has no task of this number."""


@dataclass(frozen=True)
class Task:
    """``state``: open | done | dropped; ``email``: whom it is about, None when nobody knows an address of theirs;
    ``late``: it is open and its time is over."""

    id: int
    title: str
    details: str
    flow: str
    email: str | None
    assignee: str | None
    due_at: datetime | None
    state: str
    made_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    late: bool = False


def listed(
    connection: Connection,
    shop_id: int,
    now: datetime,
    *,
    state: str | None = "open",
    assignee: str | None = None,
    most: int = 100,
) -> Sequence[Task]:
    """The shop's tasks, those due first at the top and those without a time last. ``state``: None for all;
    ``assignee``: only theirs and those that are everybody's."""
    query = _TASKS.where(tasks.c.shop_id == shop_id)
    if state is not None:
        query = query.where(tasks.c.state == state)
    if assignee is not None:
        query = query.where((tasks.c.assignee == assignee.lower()) | tasks.c.assignee.is_(None))
    found = connection.execute(query.order_by(tasks.c.due_at.nulls_last(), tasks.c.id).limit(most)).mappings()
    return [Task(**row, late=_late(row, now)) for row in found]


def _late(row: RowMapping, now: datetime) -> bool:
    return row["state"] == "open" and row["due_at"] is not None and row["due_at"] <= now


def close(scope: Scope, task_id: int, outcome: Outcome, *, by: str) -> str:
    """It is done, or dropped, which flows are told; its title. ``by``: as in the audit log. Raises NoTask, InvalidInput
    when it is closed already."""
    row = _held(scope, task_id)
    if row["state"] != "open":
        raise InvalidInput(f"Task {task_id} is {row['state']} already.")
    changed = {"state": outcome, "closed_at": scope.now, "closed_by": by}
    scope.connection.execute(update(tasks).where(*_is(scope.shop_id, task_id)).values(changed))
    told = {"task": task_id, "outcome": outcome, "flow": row["flow"], "step": row["step"]}
    fact = Fact(DONE, f"task:{task_id}", scope.now, f"task:{task_id}", row["person_id"], props=told, source="staff")
    eventlog.append(scope, [fact])
    return str(row["title"])


def assign(scope: Scope, task_id: int, assignee: str | None) -> None:
    """Give it to somebody on the staff, or with None to everybody. Raises NoTask, InvalidInput for an address that is
    nobody's there, and when it is closed."""
    row = _held(scope, task_id)
    if row["state"] != "open":
        raise InvalidInput(f"Task {task_id} is {row['state']} already.")
    if assignee is not None:
        assignee = assignee.lower()
        if not staff_addresses.among(scope.connection, scope.shop, [assignee]):
            raise InvalidInput(
                f"{assignee} is not on the staff of {scope.shop.domain}: see `connector staff list`, or add the address"
                " to the setting notify."
            )
    scope.connection.execute(update(tasks).where(*_is(scope.shop_id, task_id)).values(assignee=assignee))


def _held(scope: Scope, task_id: int) -> RowMapping:
    """The task, whose person is locked. Raises NoTask."""
    found = scope.connection.execute(_TASK, {"shop": scope.shop_id, "its_id": task_id}).mappings().first()
    while found is not None:
        lock_persons(scope, [found["person_id"]])
        # Whose it is may have changed while the lock was waited for.
        again = scope.connection.execute(_TASK, {"shop": scope.shop_id, "its_id": task_id}).mappings().first()
        if again is not None and again["person_id"] == found["person_id"]:
            return again
        found = again
    raise NoTask(f"There is no task {task_id}: see `connector task list`.")


def _is(shop_id: int, task_id: int) -> tuple[Any, ...]:
    return tasks.c.shop_id == shop_id, tasks.c.id == task_id


_TASK = select(tasks).where(tasks.c.shop_id == bindparam("shop"), tasks.c.id == bindparam("its_id"))
_TASKS = select(
    *(tasks.c[name] for name in ("id", "title", "details", "flow", "assignee", "due_at", "state", "made_at")),
    tasks.c.closed_at,
    tasks.c.closed_by,
    persons.c.email,
).join(persons, (persons.c.shop_id == tasks.c.shop_id) & (persons.c.id == tasks.c.person_id))
