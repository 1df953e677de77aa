"""PostgreSQL answers, is new enough, and has our schema."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from connector.db import migrate
from connector.doctor.finding import Check, Finding, broken
from connector.doctor.subject import Installation

_OLDEST = 150_000


def _run(installation: Installation) -> Iterator[Finding]:
    try:
        with installation.connection() as connection:
            version = int(str(connection.scalar(text("SHOW server_version_num"))))
            current = migrate.current(connection)
    except OperationalError as error:
        yield broken(
            f"PostgreSQL does not answer ({type(error.orig).__name__}).",
            "Start it, or put DATABASE_URL right. Until then webhooks are turned away and nothing is sent.",
        )
        return
    if version < _OLDEST:
        yield broken(f"PostgreSQL is of version {version // 10_000}.", "Use version 15 or newer.")
    if current != migrate.heads():
        is_at = ", ".join(sorted(current)) or "nothing"
        yield broken(
            f"The schema is at {is_at} where this release wants {', '.join(sorted(migrate.heads()))}.",
            "Run `connector db upgrade`.",
        )


# Longer than the five seconds that connecting may take.
CHECK = Check("postgres", "PostgreSQL answers and its schema is current.", _run, seconds=10.0)
