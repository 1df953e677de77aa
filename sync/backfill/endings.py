"""How parts end, and with the last of them the backfill. Nothing of the store's files is left then."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from connector.models.backfill import backfill_parts, backfills
from connector.scope import Scope
from sync.backfill.parts import EMPTY, OPEN, Held, leave


def end_part(scope: Scope, held: Held, state: str, reason: str | None = None) -> None:
    """``state``: done | failed | refused | stopped. Raises LostLease."""
    connection = scope.connection
    values: dict[str, Any] = {"state": state, "reason": reason, "finished_real": scope.machine}
    if state == "stopped":
        # Whoever goes on copies the file again, up to where it was applied.
        values |= {"bytes_done": 0, "lines_done": 0}
    leave(connection, held, values)
    connection.execute(EMPTY, held.key)
    _end_whole(scope, held.row["backfill_id"])


def _end_whole(scope: Scope, backfill_id: int) -> None:
    rows = _parts(scope.connection, scope.shop_id, backfill_id)
    if any(row.state in OPEN for row in rows):
        return
    failed = [f"{row.kind}: {row.reason}" for row in rows if row.state == "failed"]
    stopped = any(row.state == "stopped" for row in rows)
    scope.connection.execute(
        update(backfills)
        .where(backfills.c.shop_id == scope.shop_id, backfills.c.id == backfill_id)
        .values(
            state="stopped" if stopped else "failed" if failed else "done",
            reason="; ".join(failed)[:1000] or None,
            finished_at=scope.now,
            finished_real=scope.machine,
        )
    )


def _parts(connection: Connection, shop_id: int, backfill_id: int) -> list[Any]:
    query = (
        select(backfill_parts.c.kind, backfill_parts.c.state, backfill_parts.c.reason)
        .where(backfill_parts.c.shop_id == shop_id, backfill_parts.c.backfill_id == backfill_id)
        .order_by(backfill_parts.c.place)
    )
    # The whole row of the backfill is locked first, so that of two last parts one finds the other ended.
    this = (backfills.c.shop_id == shop_id) & (backfills.c.id == backfill_id)
    connection.execute(select(backfills.c.id).where(this).with_for_update())
    return list(connection.execute(query))
