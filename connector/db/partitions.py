"""Monthly partitions, made ahead of time so that retention is a DROP and never a DELETE.

A row that no monthly partition takes lands in the default one; its month is then left there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

PARTITIONED = ("inbox", "events", "attempts", "message_contents")
MONTHS_AHEAD = 3

_NAME = re.compile(rf"({'|'.join(PARTITIONED)})_(\d{{4}})_(\d{{2}})\Z")


@dataclass(frozen=True)
class Month:
    """One partition: what ``table`` holds from ``start`` to before ``end``."""

    table: str
    start: datetime

    @property
    def name(self) -> str:
        return f"{self.table}_{self.start:%Y_%m}"

    @property
    def end(self) -> datetime:
        return _month(self.start, 1)


def _month(moment: datetime, offset: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 + offset
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def wanted(now: datetime, months_ahead: int = MONTHS_AHEAD) -> list[Month]:
    """The partitions that should be there: of this month and the next ones."""
    return [Month(table, _month(now, offset)) for table in PARTITIONED for offset in range(months_ahead + 1)]


def present(connection: Connection, table: str) -> list[Month]:
    """The monthly partitions of this table, the oldest first."""
    names = connection.scalars(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)"),
        {"table": table},
    )
    found = [match for name in names if (match := _NAME.match(name))]
    return sorted(
        (Month(table, datetime(int(match[2]), int(match[3]), 1, tzinfo=UTC)) for match in found),
        key=lambda month: month.start,
    )


_MISSING = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NULL")


def ensure(connection: Connection, now: datetime, months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """Create the partitions from this month on that are missing; returns the names of the new ones."""
    months = wanted(now, months_ahead)
    missing = set(connection.scalars(_MISSING, {"names": [month.name for month in months]}))
    made = []
    for month in months:
        if month.name not in missing:
            continue
        statement = (
            f"CREATE TABLE {month.name} PARTITION OF {month.table} "
            f"FOR VALUES FROM ('{month.start.isoformat()}') TO ('{month.end.isoformat()}')"
        )
        try:
            with connection.begin_nested():
                connection.execute(text(statement))
        except DBAPIError:
            # The default partition already holds rows of that month: they stay where they are.
            continue
        made.append(month.name)
    return made


def drop(connection: Connection, month: Month) -> None:
    """Remove the month with all its rows. Whoever uses the table is waited for, and waits, for as long as
    ``lock_timeout`` allows."""
    connection.execute(text(f"DROP TABLE {month.name}"))
