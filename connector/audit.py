"""The audit log: every act of staff, of a merchant in the admin and of the command line, one line each.

The database refuses to change a line, and to delete one but for the erasure of its shop. A line says who did what to
which object; ``detail`` holds numbers, words of ours and digests, never personal data or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, insert, select, text

from connector.models.staff import audit_log
from connector.scope import Scope

INSTALLATION = 0
"""Stands for the shop where an act is about none: staff, keys."""

CLI = "cli"
"""The actor of everything that is done on the command line."""


@dataclass(frozen=True)
class Line:
    """One act. ``at`` is business time."""

    id: int
    shop_id: int
    at: datetime
    actor: str
    act: str
    object_kind: str
    object_id: str
    detail: Mapping[str, Any]


def record(
    connection: Connection,
    *,
    shop_id: int = INSTALLATION,
    actor: str,
    act: str,
    object_kind: str,
    object_id: object,
    detail: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Write one line into the transaction of the act itself, so that neither is there without the other.

    ``actor``: ``CLI``, "staff:ID" or "merchant:ID"; ``act``: "noun.verb"; ``now``: business time.
    """
    connection.execute(
        insert(audit_log).values(
            shop_id=shop_id,
            at=now,
            actor=actor,
            act=act,
            object_kind=object_kind,
            object_id=str(object_id),
            detail=dict(detail or {}),
        )
    )


def note(
    scope: Scope, *, actor: str, act: str, object_kind: str, object_id: object, detail: Mapping[str, Any] | None = None
) -> None:
    """``record`` about the shop of this transaction."""
    record(
        scope.connection,
        shop_id=scope.shop_id,
        actor=actor,
        act=act,
        object_kind=object_kind,
        object_id=object_id,
        detail=detail,
        now=scope.now,
    )


def name_erased_shop(connection: Connection, shop_id: int) -> None:
    """Until the transaction ends, let go of what the database keeps for as long as its shop is there."""
    connection.execute(text("SELECT set_config('connector.erased_shop', :shop, true)"), {"shop": str(shop_id)})


def digest(value: Any) -> str:
    """What stands for a state before or after an act, when the state itself may not be told: 16 hexadecimal digits."""
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:16]


def lines(connection: Connection, shop_id: int, *, before: int | None = None, limit: int = 50) -> list[Line]:
    """The newest ``limit`` lines of this shop (``INSTALLATION``: of none), older than line ``before``; newest first."""
    query = select(audit_log).where(audit_log.c.shop_id == shop_id).order_by(audit_log.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return [_line(row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Wanted:
    """Of which lines a list is; None: of all."""

    actor: str | None = None
    act: str | None = None
    object_kind: str | None = None
    object_id: str | None = None


def search(
    connection: Connection, shop_id: int, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> list[Line]:
    """The newest ``limit`` lines of this shop that are wanted, older than line ``before``; newest first."""
    query = select(audit_log).where(audit_log.c.shop_id == shop_id).order_by(audit_log.c.id.desc()).limit(limit)
    for name in ("actor", "act", "object_kind", "object_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(audit_log.c[name] == value)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return [_line(row) for row in connection.execute(query)]


def known(connection: Connection, shop_id: int, column: Literal["actor", "act", "object_kind"]) -> list[str]:
    """The values that lines of this shop have there, by name: one read of an index for each."""
    return list(connection.scalars(_KNOWN[column], {"shop": shop_id, "most": _MOST_KNOWN}))


_MOST_KNOWN = 200
# From one value to the next, so that it does not matter how many lines there are.
_KNOWN = {
    column: text(
        f"""
        WITH RECURSIVE found (value, n) AS (
            (SELECT {column}, 1 FROM audit_log WHERE shop_id = :shop ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT {column} FROM audit_log WHERE shop_id = :shop AND {column} > found.value
                    ORDER BY {column} LIMIT 1), n + 1
            FROM found WHERE found.value IS NOT NULL AND n < :most
        )
        SELECT value FROM found WHERE value IS NOT NULL
        """  # noqa: S608  names of columns of ours
    )
    for column in ("actor", "act", "object_kind")
}


def lines_about(
    connection: Connection, shop_id: int, object_kind: str, object_id: object, *, limit: int = 20
) -> list[Line]:
    """What was done to one object of this shop; newest first."""
    query = (
        select(audit_log)
        .where(
            audit_log.c.shop_id == shop_id,
            audit_log.c.object_kind == object_kind,
            audit_log.c.object_id == str(object_id),
        )
        .order_by(audit_log.c.id.desc())
        .limit(limit)
    )
    return [_line(row) for row in connection.execute(query)]


def erase(connection: Connection, shop_id: int) -> int:
    """Delete all lines of this shop, for the erasure of the whole shop only; returns how many there were."""
    name_erased_shop(connection, shop_id)
    return connection.execute(delete(audit_log).where(audit_log.c.shop_id == shop_id)).rowcount


def _line(row: Any) -> Line:
    return Line(row.id, row.shop_id, row.at, row.actor, row.act, row.object_kind, row.object_id, row.detail)
