"""Parts of a backfill under lease: one kind of record each, whose row says how far it is.

Whoever dies over a part leaves it to whoever comes when the lease has ended; every write asks whether the claim is
still the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, text, update

from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError
from connector.models.backfill import backfill_parts, backfills
from connector.shops import Shop
from sync.backfill.kinds import KINDS, Kind

OPEN = ("waiting", "running", "copying", "applying", "paging")
"""States of a part about which there is something to do."""
# How long a step may take besides the store's answer. Machine time.
_STEP = timedelta(seconds=10)


EMPTY = text("DELETE FROM backfill_lines WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind")
"""Removes what of a part waits to be applied."""


class LostLease(ConnectorError):
    """Somebody else has the part by now: what was done about it is undone."""


@dataclass(frozen=True)
class Held:
    """A part under our lease. ``row``: of ``backfill_parts``; ``stopping``: whether the backfill is to stop."""

    row: RowMapping
    stopping: bool

    @property
    def kind(self) -> Kind:
        return KINDS[self.row["kind"]]

    @property
    def key(self) -> dict[str, Any]:
        """Shop, backfill and kind, as parameters."""
        return {name: self.row[name] for name in ("shop_id", "backfill_id", "kind")}


# A part is applied when those before it have been. What the store is to do comes first: it works meanwhile.
_NEXT = text(
    """
SELECT backfill_id, kind FROM backfill_parts AS part
WHERE shop_id = :shop_id AND state IN ('waiting', 'running', 'copying', 'applying', 'paging')
    AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)
    AND (state NOT IN ('applying', 'paging') OR NOT EXISTS (
        SELECT FROM backfill_parts AS earlier
        WHERE earlier.shop_id = :shop_id AND earlier.backfill_id = part.backfill_id AND earlier.place < part.place
            AND earlier.state IN ('waiting', 'running', 'copying', 'applying', 'paging')
    ))
ORDER BY array_position(ARRAY['waiting', 'running', 'copying', 'applying', 'paging'], state), place
LIMIT 1
FOR UPDATE SKIP LOCKED
"""
)


def claim(deps: Deps, shop: Shop) -> Held | None:
    """The part that is next, under lease; None when none is due."""
    now, machine = deps.clock.now(), deps.clock.machine()
    with transaction(deps.engine) as connection:
        found = connection.execute(_NEXT, {"shop_id": shop.id, "machine": machine}).first()
        if found is None:
            return None
        this = (backfills.c.shop_id == shop.id) & (backfills.c.id == found.backfill_id)
        state = connection.scalar(select(backfills.c.state).where(this))
        if state == "queued":
            begun = {
                "state": "running",
                "started_at": func.coalesce(backfills.c.started_at, now),
                "started_real": func.coalesce(backfills.c.started_real, machine),
            }
            connection.execute(update(backfills).where(this).values(begun))
        row = connection.execute(
            update(backfill_parts)
            .where(
                backfill_parts.c.shop_id == shop.id,
                backfill_parts.c.backfill_id == found.backfill_id,
                backfill_parts.c.kind == found.kind,
            )
            .values(
                lease_real=_until(deps),
                claim=backfill_parts.c.claim + 1,
                started_real=func.coalesce(backfill_parts.c.started_real, machine),
            )
            .returning(backfill_parts)
        )
        return Held(row.mappings().one(), state == "stopping")


def _until(deps: Deps) -> datetime:
    return deps.clock.machine() + timedelta(seconds=deps.settings.store_timeout_seconds) + _STEP


def keep(connection: Connection, deps: Deps, held: Held, values: Mapping[str, Any]) -> None:
    """Write this of the part and stay at it, for another lease. Its row is locked then. Raises LostLease."""
    _write(connection, held, {"lease_real": _until(deps), **values})


def leave(connection: Connection, held: Held, values: Mapping[str, Any]) -> None:
    """Write this of the part and let others have it. Raises LostLease."""
    _write(connection, held, {"lease_real": None, **values})


def more(name: str, count: float = 1) -> Any:
    """The value of a count that has grown."""
    return backfill_parts.c[name] + count


def _write(connection: Connection, held: Held, values: Mapping[str, Any]) -> None:
    query = (
        update(backfill_parts)
        .where(
            *(backfill_parts.c[name] == value for name, value in held.key.items()),
            backfill_parts.c.claim == held.row["claim"],
        )
        .values(**values)
    )
    if connection.execute(query).rowcount != 1:
        raise LostLease(f"somebody else has {held.row['kind']} by now")
