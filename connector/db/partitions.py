"""Monthly partitions, made ahead of time so that retention is a DROP and never a DELETE.

A row that no monthly partition takes lands in the default one; its month is then left there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

PARTITIONED = ("inbox", "events", "attempts")


def _month(moment: datetime, offset: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 + offset
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def ensure(connection: Connection, now: datetime, months_ahead: int = 3) -> list[str]:
    """Create the partitions from this month on that are missing; returns the names of the new ones."""
    made = []
    for table in PARTITIONED:
        for offset in range(months_ahead + 1):
            start, end = _month(now, offset), _month(now, offset + 1)
            name = f"{table}_{start:%Y_%m}"
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None:
                continue
            statement = (
                f"CREATE TABLE {name} PARTITION OF {table} "
                f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
            )
            try:
                with connection.begin_nested():
                    connection.execute(text(statement))
            except DBAPIError:
                # The default partition already holds rows of that month: they stay where they are.
                continue
            made.append(name)
    return made
