"""What staff have to do: lists of it, and closing, giving away and opening a task again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit, paging
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.scope import Scope
from connector.shops import Shop
from flows.engine import tasks
from flows.engine.tasks import Task

SHOWN: Mapping[str, str] = {
    "open": "To do",
    "mine": "Mine",
    "anyones": "For everybody",
    "late": "Late",
    "reviews": "Reviews",
    "closed": "Done",
}
"""The lists, and what they are called."""


class ListSchema(Paged):
    show = fields.String(load_default="open", validate=validate.OneOf(list(SHOWN)))


class _Close(Schema):
    outcome = fields.String(required=True, validate=validate.OneOf(["done", "dropped"]))


class _Assign(Schema):
    # Left empty: everybody's.
    assignee = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=320))
    # What stands for whose it was when the list was read.
    seen = fields.String(required=True, validate=validate.Length(max=64))


CLOSE_FIELDS, ASSIGN_FIELDS = _Close(), _Assign()


def seen_of(assignee: str | None) -> str:
    """What stands for whose a task is, as it was shown."""
    return revision.of([assignee])


def listed(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Page[Task]:
    """A page of one of the lists; ``given`` as ListSchema loads it. Raises InvalidInput for a wrong cursor."""
    now, show = deps.clock.now(), given["show"]
    with transaction(deps.engine) as connection:
        if show == "reviews":
            return Page(tasks.reviews(connection, shop.id, now, most=SIZE))
        if show == "closed":
            cursor = paging.after(given["after"], datetime, int)
            found = tasks.closed(connection, shop.id, after=cursor, most=SIZE + 1)
            return paging.page(found, lambda one: (one.closed_at, one.id))
        after = paging.after(given["after"], str, int)
        whose = {"mine": address(visitor), "anyones": None}.get(show, "anybody")
        found = tasks.to_do(
            connection, shop.id, now, whose=whose, late=show == "late", after=_due(after), most=SIZE + 1
        )
    return paging.page(found, lambda one: (one.due_at.isoformat() if one.due_at else "", one.id))


def address(visitor: Visitor) -> str:
    """By which tasks are theirs; of a visitor without an address none are."""
    return visitor.name.lower() if visitor.actor.startswith("staff:") else ""


def _due(after: Sequence[Any] | None) -> tasks.Due | None:
    if after is None:
        return None
    return (_moment(after[0]) if after[0] else None), after[1]


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput("This page of the list cannot be found: begin again with its first page.")
    return at


def told(task: Task, eyes: Eyes) -> dict[str, Any]:
    """A task as plain values, as these eyes see it."""
    names = (task.first_name, task.last_name)
    return {
        "id": task.id,
        "title": eyes.text(task.title, *names),
        "details": eyes.text(task.details, *names),
        "flow": task.flow,
        "review": task.review,
        "period": task.period,
        "person": task.person_id,
        "assignee": task.assignee,
        "due_at": task.due_at,
        "late": task.late,
        "state": task.state,
        "made_at": task.made_at,
        "closed_at": task.closed_at,
        "closed_by": task.closed_by,
        "seen": seen_of(task.assignee),
    }


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found, eyes = listed(deps, shop, visitor, given), Eyes(visitor.sees_addresses)
    return {"rows": [told(one, eyes) for one in found.rows], "next": found.next}


def _close(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    outcome: tasks.Outcome = given["outcome"]
    with deps.open(shop) as scope, _found():
        tasks.close(scope, given["task_id"], outcome, by=visitor.actor)
        _note(scope, visitor, outcome, given["task_id"])
    return {"task": given["task_id"], "state": outcome}


def _reopen(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope, _found():
        tasks.reopen(scope, given["task_id"])
        _note(scope, visitor, "reopen", given["task_id"])
    return {"task": given["task_id"], "state": "open"}


def _assign(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope, _found():
        revision.check([tasks.whose(scope, given["task_id"])], given["seen"])
        tasks.assign(scope, given["task_id"], given["assignee"])
        _note(scope, visitor, "assign", given["task_id"])
    return {"task": given["task_id"], "assignee": given["assignee"]}


@contextmanager
def _found() -> Iterator[None]:
    """A task that the shop does not have is not found, as every object of the admin."""
    try:
        yield
    except tasks.NoTask as error:
        raise LookupError("The shop has no such task.") from error


def _note(scope: Scope, visitor: Visitor, act: str, task_id: int) -> None:
    audit.note(scope, actor=visitor.actor, act=f"task.{act}", object_kind="task", object_id=task_id)


ACTS = (
    Act("close_task", "tasks/<int:task_id>/close", "Say that a task is done, or will not be.", _close, CLOSE_FIELDS),
    Act("reopen_task", "tasks/<int:task_id>/reopen", "Open a task again.", _reopen),
    Act(
        "assign_task",
        "tasks/<int:task_id>/assign",
        "Give a task to somebody on the staff, or to everybody. What `seen` says stands with it in the list.",
        _assign,
        ASSIGN_FIELDS,
    ),
)
CLOSE, REOPEN, ASSIGN = ACTS
VIEWS = (View("tasks", "tasks", "What staff have to do.", _read, ListSchema()),)
