"""Asking for a backfill, stopping one, going on with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from connector import audit
from connector.errors import InvalidInput
from connector.models.backfill import backfill_failures, backfill_parts, backfills
from connector.scope import Scope
from sync import reruns
from sync.backfill.asking import BEGINNING
from sync.backfill.kinds import KINDS, PLACES
from sync.backfill.parts import OPEN

AGAIN: Mapping[str, str] = {
    "products": "products", "collections": "collections", "customers": "contact", "orders": "orders",
}  # fmt: skip
"""Kind of a backfill -> the entity of syncs by which single ones are read again."""
_UNFINISHED = ("queued", "running", "stopping")
_BUSY = "A backfill of this shop is under way."


def start(scope: Scope, kinds: Sequence[str] = (), *, by: str) -> int:
    """Have the whole store read: these kinds (none: all). Returns the backfill's id; ``by``: an actor of the audit log.

    Raises InvalidInput for a kind that there is not, or while a backfill of the shop is under way.
    """
    chosen = [name for name in KINDS if name in kinds or not kinds]
    if unknown := set(kinds) - set(KINDS):
        raise InvalidInput(f"There is no {', '.join(sorted(unknown))} to read; there are: {', '.join(KINDS)}.")
    values = {"shop_id": scope.shop_id, "state": "queued", "kinds": chosen, "asked_by": by, "asked_at": scope.now}
    try:
        with scope.savepoint():
            backfill_id = int(
                scope.connection.execute(insert(backfills).values(values).returning(backfills.c.id)).scalar_one()
            )
    except IntegrityError as error:
        raise InvalidInput(_BUSY) from error
    rows = [
        {
            "shop_id": scope.shop_id,
            "backfill_id": backfill_id,
            "kind": name,
            "place": PLACES[name],
            "state": KINDS[name].first_state,
            **BEGINNING,
            "calls": 0,
            "polls": 0,
            "pages": 0,
            "due_real": scope.machine,
            "claim": 0,
            "attempts": 0,
        }
        for name in chosen
    ]
    scope.connection.execute(insert(backfill_parts).values(rows))
    _note(scope, "backfill.start", backfill_id, by, {"kinds": chosen})
    return backfill_id


def stop(scope: Scope, backfill_id: int, *, by: str) -> bool:
    """Have it end after the step that it is at; whether it was still under way. What was applied stays."""
    this = (backfills.c.shop_id == scope.shop_id) & (backfills.c.id == backfill_id)
    going = this & backfills.c.state.in_(("queued", "running"))
    if not scope.connection.execute(update(backfills).where(going).values(state="stopping")).rowcount:
        return False
    scope.connection.execute(
        update(backfill_parts)
        .where(
            backfill_parts.c.shop_id == scope.shop_id,
            backfill_parts.c.backfill_id == backfill_id,
            backfill_parts.c.state.in_(OPEN),
        )
        .values(due_real=scope.machine)
    )
    _note(scope, "backfill.stop", backfill_id, by, {})
    return True


def resume(scope: Scope, backfill_id: int, *, by: str) -> None:
    """Go on with one that was stopped or has failed, where it stood. Raises InvalidInput where there is nothing to go
    on with, or another is under way.
    """
    this = (backfills.c.shop_id == scope.shop_id) & (backfills.c.id == backfill_id)
    state = scope.connection.scalar(select(backfills.c.state).where(this).with_for_update())
    if state not in ("stopped", "failed"):
        raise InvalidInput("Only a backfill that was stopped or has failed can go on.")
    open_ = (backfills.c.shop_id == scope.shop_id) & backfills.c.state.in_(_UNFINISHED)
    if scope.connection.scalar(select(backfills.c.id).where(open_)) is not None:
        raise InvalidInput(_BUSY)
    again = {"state": "running", "finished_at": None, "finished_real": None, "reason": None}
    scope.connection.execute(update(backfills).where(this).values(**again))
    ended = select(backfill_parts).where(
        backfill_parts.c.shop_id == scope.shop_id,
        backfill_parts.c.backfill_id == backfill_id,
        backfill_parts.c.state.in_(("stopped", "failed", "refused")),
    )
    for row in scope.connection.execute(ended).mappings().all():
        mine = [backfill_parts.c[name] == row[name] for name in ("shop_id", "backfill_id", "kind")]
        scope.connection.execute(update(backfill_parts).where(*mine).values(**_again(scope, row)))
    _note(scope, "backfill.resume", backfill_id, by, {})


def retry(scope: Scope, backfill_id: int, kind: str, record_id: int | None = None, *, by: str) -> int:
    """Have this record of a kind, or all that failed of it, read from the store again, by a sync of just these; returns
    its id. Raises InvalidInput when none failed, or a sync of the kind is under way."""
    entity = AGAIN.get(kind)
    if entity is None:
        raise InvalidInput(f"Of {kind} no single one can be read again: read the whole store again.")
    table = backfill_failures.c
    query = select(table.record_id).where(
        table.shop_id == scope.shop_id, table.backfill_id == backfill_id, table.kind == kind
    )
    if record_id is not None:
        query = query.where(table.record_id == record_id)
    ids = tuple(scope.connection.scalars(query.order_by(table.record_id)))
    if not ids:
        raise InvalidInput("Nothing of this kind has failed.")
    return reruns.start(scope, reruns.What(entity, ids=ids), by=by)


def _again(scope: Scope, row: Any) -> dict[str, Any]:
    """Where a part that has ended goes on."""
    kind = KINDS[row["kind"]]
    values = {"due_real": scope.machine, "attempts": 0, "reason": None, "finished_real": None}
    if row["state"] == "failed":
        return {**values, **BEGINNING, "state": kind.first_state}
    # The file is copied again up to where it was applied, if the store still has it.
    there = row["operation"] is not None and kind.query is not None
    return {**values, "state": "running" if there else kind.first_state, "bytes_done": 0, "lines_done": 0}


def look_now(scope: Scope, operation_id: str) -> None:
    """The store says that this operation has ended: whoever waits for it looks at once."""
    waiting = (
        (backfill_parts.c.shop_id == scope.shop_id)
        & (backfill_parts.c.operation == operation_id)
        & (backfill_parts.c.state == "running")
    )
    if scope.connection.execute(update(backfill_parts).where(waiting).values(due_real=scope.machine)).rowcount:
        scope.bells.add("backfill")


def _note(scope: Scope, act: str, backfill_id: int, by: str, detail: dict[str, Any]) -> None:
    audit.note(scope, actor=by, act=act, object_kind="backfill", object_id=backfill_id, detail=detail)
    scope.bells.add("backfill")
