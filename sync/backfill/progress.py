"""How far a backfill is, and how long it still takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text, tuple_

from connector import counts
from connector.models.backfill import backfill_failures, backfill_parts, backfills
from sync.backfill.parts import OPEN

# What a core does in a second, until this backfill itself has shown it: lines copied, records applied.
_COPIED = 20_000.0
_APPLIED: Mapping[str, float] = {
    "products": 800.0, "collections": 800.0, "customers": 800.0, "orders": 500.0, "checkouts": 100.0,
}  # fmt: skip
# So many records show it.
_ENOUGH = 500


@dataclass(frozen=True)
class Part:
    """One kind of record. ``store``: how many the store has, None while it has not said; ``bytes`` of its file, of
    which ``bytes_done`` are copied. The counts are of records: ``done`` is all that were taken on."""

    kind: str
    state: str
    store: int | None
    bytes: int | None
    bytes_done: int
    lines: int | None
    lines_done: int
    done: int
    created: int
    changed: int
    unchanged: int
    failed: int
    left_out: int
    applied_seconds: float
    calls: int
    polls: int
    pages: int
    reason: str | None

    @property
    def applied(self) -> int:
        return self.created + self.changed + self.unchanged

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def seconds_left(self) -> float | None:
        """Of work here, the store's own apart; None while it is not known how much there is."""
        if not self.open:
            return 0.0
        if self.store is None:
            return None
        shown = self.done >= _ENOUGH and self.applied_seconds > 0
        rate = self.done / self.applied_seconds if shown else _APPLIED[self.kind]
        copying = max((self.lines or 0) - self.lines_done, 0) / _COPIED if self.state == "copying" else 0.0
        return copying + max(self.store - self.done, 0) / rate


@dataclass(frozen=True)
class Backfill:
    """``untold``: what Brevo is still to be told of, of everything that waits for it, counted up to one more than
    ``counts.MOST``. ``seconds``: how long it has
    taken, or takes by now; ``estimate``: what it was thought to take (``sync.backfill.estimate``)."""

    id: int
    state: str
    kinds: tuple[str, ...]
    by: str
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    started_real: datetime | None
    finished_real: datetime | None
    estimate: Mapping[str, Any] | None
    reason: str | None
    parts: tuple[Part, ...]
    untold: int

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    @property
    def resumable(self) -> bool:
        return self.state in ("failed", "stopped")

    @property
    def seconds_left(self) -> float | None:
        """Of reading the store; None while the store has not said how much there is."""
        left = [part.seconds_left for part in self.parts if part.kind != "checkouts"]
        return None if any(one is None for one in left) else sum(one for one in left if one is not None)

    def seconds(self, machine: datetime) -> float:
        """How long reading the store has taken, at ``machine`` time."""
        if self.started_real is None:
            return 0.0
        return ((self.finished_real or machine) - self.started_real).total_seconds()


def progress(connection: Connection, shop_id: int, backfill_id: int) -> Backfill:
    """Raises LookupError when the shop has no such backfill."""
    query = select(backfills).where(backfills.c.shop_id == shop_id, backfills.c.id == backfill_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise LookupError(f"no backfill {backfill_id}")
    return _backfill(connection, row)


def history(connection: Connection, shop_id: int, limit: int = 20) -> list[Backfill]:
    """The shop's newest backfills, newest first."""
    query = select(backfills).where(backfills.c.shop_id == shop_id).order_by(backfills.c.id.desc()).limit(limit)
    return [_backfill(connection, row) for row in connection.execute(query).mappings().all()]


def failures(
    connection: Connection,
    shop_id: int,
    backfill_id: int,
    limit: int = 100,
    *,
    after: tuple[str, int] | None = None,
    kind: str | None = None,
) -> list[RowMapping]:
    """Rows of ``backfill_failures``: kind, record_id, reason, failed_at, by kind and record. ``after``: those after
    this (kind, record); ``kind``: of this one alone."""
    table = backfill_failures.c
    query = (
        select(backfill_failures)
        .where(table.shop_id == shop_id, table.backfill_id == backfill_id)
        .order_by(table.kind, table.record_id)
        .limit(limit)
    )
    if kind is not None:
        query = query.where(table.kind == kind)
    if after is not None:
        query = query.where(tuple_(table.kind, table.record_id) > tuple_(*after))
    return list(connection.execute(query).mappings())


# Each part follows an index of just these rows, and none is counted to its end: there may be as many as people.
_UNTOLD = text(
    "SELECT count(*) FROM (SELECT 1 FROM ("  # noqa: S608
    "SELECT 1 FROM sync_state WHERE shop_id = :shop_id AND quiet AND state IN ('due', 'leased')"
    " UNION ALL SELECT 1 FROM sync_state WHERE shop_id = :shop_id AND quiet AND state = 'gathering'"
    " UNION ALL SELECT 1 FROM sync_state WHERE shop_id = :shop_id AND quiet AND state = 'importing'"
    f" AND import_id IS NOT NULL) AS waiting LIMIT {counts.MOST + 1}) AS found"
)


def _backfill(connection: Connection, row: RowMapping) -> Backfill:
    names = ("state", "kinds", "started_at", "finished_at", "started_real", "finished_real", "estimate", "reason")
    return Backfill(
        id=row["id"],
        by=row["asked_by"],
        asked_at=row["asked_at"],
        parts=tuple(_parts(connection, row["shop_id"], row["id"])),
        untold=connection.scalar(_UNTOLD, {"shop_id": row["shop_id"]}) or 0,
        **{name: row[name] for name in names},
    )


def _parts(connection: Connection, shop_id: int, backfill_id: int) -> Sequence[Part]:
    query = (
        select(backfill_parts)
        .where(backfill_parts.c.shop_id == shop_id, backfill_parts.c.backfill_id == backfill_id)
        .order_by(backfill_parts.c.place)
    )
    same = (
        "kind", "state", "bytes_done", "lines_done", "done", "created", "changed", "unchanged", "failed", "left_out",
        "applied_seconds", "calls", "polls", "pages", "reason",
    )  # fmt: skip
    return [
        Part(
            store=row["done"] if row["state"] == "done" and row["pages"] else row["records_expected"],
            bytes=row["file_bytes"],
            lines=row["lines_expected"],
            **{name: row[name] for name in same},
        )
        for row in connection.execute(query).mappings()
    ]
