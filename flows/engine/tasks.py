"""What staff have to do, by flows or by the calendar: looking at it, giving it to somebody, closing, reopening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, bindparam, literal, select, tuple_, update

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
    ``late``: it is open and its time is over. ``review``: it is a review of this name, of ``period``, about nobody and
    of no flow."""

    id: int
    title: str
    details: str
    flow: str | None
    review: str | None
    period: str | None
    person_id: int | None
    first_name: str | None
    last_name: str | None
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
    return _read(connection, query.order_by(tasks.c.due_at.nulls_last(), tasks.c.id).limit(most), now)


Due = tuple[datetime | None, int]
"""Where an open task stands in its list: what is due first at the top, what has no time last."""


def to_do(
    connection: Connection,
    shop_id: int,
    now: datetime,
    *,
    whose: str | Literal["anybody"] | None = "anybody",
    late: bool = False,
    after: Due | None = None,
    most: int,
) -> Sequence[Task]:
    """Open tasks that come after this one. ``whose``: an address in small letters, None for those that are everybody's,
    "anybody" for all; ``late``: those whose time is over. Two reads of an index, however many there are."""
    query = _TASKS.where(tasks.c.shop_id == shop_id, tasks.c.state == "open").order_by(tasks.c.due_at, tasks.c.id)
    if whose != "anybody":
        query = query.where(tasks.c.assignee.is_(None) if whose is None else tasks.c.assignee == whose)
    found: list[Task] = []
    if after is None or after[0] is not None:
        dated = query.where(tasks.c.due_at <= now) if late else query.where(tasks.c.due_at.is_not(None))
        if after is not None:
            dated = dated.where(tuple_(tasks.c.due_at, tasks.c.id) > tuple_(*map(literal, after)))
        found += _read(connection, dated.limit(most), now)
    if len(found) < most and not late:
        undated = query.where(tasks.c.due_at.is_(None))
        if after is not None and after[0] is None:
            undated = undated.where(tasks.c.id > after[1])
        found += _read(connection, undated.limit(most - len(found)), now)
    return found


def closed(
    connection: Connection, shop_id: int, *, after: tuple[datetime, int] | None = None, most: int
) -> Sequence[Task]:
    """Tasks that are done or dropped, the last closed first, that come after this one."""
    query = _TASKS.where(tasks.c.shop_id == shop_id, tasks.c.state != "open")
    if after is not None:
        query = query.where(tuple_(tasks.c.closed_at, tasks.c.id) < tuple_(*map(literal, after)))
    query = query.order_by(tasks.c.closed_at.desc(), tasks.c.id.desc())
    return _read(connection, query.limit(most), None)


def reviews(connection: Connection, shop_id: int, now: datetime, *, most: int) -> Sequence[Task]:
    """The newest reviews, open and closed. There are at most 17 in a year."""
    query = _TASKS.where(tasks.c.shop_id == shop_id, tasks.c.review.is_not(None)).order_by(tasks.c.id.desc())
    return _read(connection, query.limit(most), now)


def _read(connection: Connection, query: Select[Any], now: datetime | None) -> list[Task]:
    rows = connection.execute(query).mappings()
    return [Task(**row, late=now is not None and _late(row, now)) for row in rows]


def _late(row: RowMapping, now: datetime) -> bool:
    return row["state"] == "open" and row["due_at"] is not None and row["due_at"] <= now


def close(scope: Scope, task_id: int, outcome: Outcome, *, by: str) -> str:
    """It is done, or dropped, which flows are told unless it is a review; its title. ``by``: as in the audit log.
    Raises NoTask, InvalidInput when it is closed already."""
    row = _held(scope, task_id)
    if row["state"] != "open":
        raise InvalidInput(f"Task {task_id} is {row['state']} already.")
    changed = {"state": outcome, "closed_at": scope.now, "closed_by": by}
    scope.connection.execute(update(tasks).where(*_is(scope.shop_id, task_id)).values(changed))
    if row["person_id"] is None:
        return str(row["title"])
    told = {"task": task_id, "outcome": outcome, "flow": row["flow"], "step": row["step"]}
    fact = Fact(DONE, f"task:{task_id}", scope.now, f"task:{task_id}", row["person_id"], props=told, source="staff")
    eventlog.append(scope, [fact])
    return str(row["title"])


def reopen(scope: Scope, task_id: int) -> None:
    """It is to be done after all. Flows that went on stay where they are, and closing it again tells them nothing new:
    it is the same fact. Raises NoTask, InvalidInput when it is open."""
    row = _held(scope, task_id)
    if row["state"] == "open":
        raise InvalidInput(f"Task {task_id} is open already.")
    changed = {"state": "open", "closed_at": None, "closed_by": None}
    scope.connection.execute(update(tasks).where(*_is(scope.shop_id, task_id)).values(changed))


def whose(scope: Scope, task_id: int) -> str | None:
    """Whom it is given to, None: everybody; it stays so until the transaction ends. Raises NoTask."""
    given_to: str | None = _held(scope, task_id)["assignee"]
    return given_to


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
                f"{assignee} is not on the staff of {scope.shop.domain}: invite them on the page Staff, or enter the"
                " address under Settings, Who is told."
            )
    scope.connection.execute(update(tasks).where(*_is(scope.shop_id, task_id)).values(assignee=assignee))


def _held(scope: Scope, task_id: int) -> RowMapping:
    """The task, whose person is locked; of one that is about nobody, the task itself. Raises NoTask."""
    found = scope.connection.execute(_TASK, {"shop": scope.shop_id, "its_id": task_id}).mappings().first()
    if found is not None and found["person_id"] is None:
        # Nobody else locks it, and what is about nobody stays so.
        return (
            scope.connection.execute(_TASK.with_for_update(), {"shop": scope.shop_id, "its_id": task_id})
            .mappings()
            .one()
        )
    while found is not None:
        lock_persons(scope, [found["person_id"]])
        # Whose it is may have changed while the lock was waited for.
        again = scope.connection.execute(_TASK, {"shop": scope.shop_id, "its_id": task_id}).mappings().first()
        if again is not None and again["person_id"] == found["person_id"]:
            return again
        found = again
    raise NoTask(f"There is no task {task_id} in this shop.")


def _is(shop_id: int, task_id: int) -> tuple[Any, ...]:
    return tasks.c.shop_id == shop_id, tasks.c.id == task_id


_TASK = select(tasks).where(tasks.c.shop_id == bindparam("shop"), tasks.c.id == bindparam("its_id"))
_TASKS = select(
    *(tasks.c[name] for name in ("id", "title", "details", "flow", "review", "period", "person_id", "assignee")),
    *(tasks.c[name] for name in ("due_at", "state", "made_at", "closed_at", "closed_by")),
    persons.c.first_name,
    persons.c.last_name,
    persons.c.email,
).outerjoin(persons, (persons.c.shop_id == tasks.c.shop_id) & (persons.c.id == tasks.c.person_id))
