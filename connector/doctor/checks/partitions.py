"""The months ahead have their partitions."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from connector.db import partitions
from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import Installation

_MONTHS_AHEAD = 1


def _run(installation: Installation) -> Iterator[Finding]:
    now = installation.deps.clock.now()
    with installation.connection() as connection:
        missing = [
            month.name
            for month in partitions.wanted(now, _MONTHS_AHEAD)
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": month.name}) is None
        ]
    if missing:
        yield warning(
            f"No partition for {len(missing)} of the months that are or come next: rows go to the default one.",
            "Make sure that the clock process runs: it makes them. A month whose rows already lie in the default"
            " partition stays there; that costs no more than its retention.",
            missing,
        )


CHECK = Check("partitions", "This month and the next have their partitions.", _run, needs=("postgres",))
