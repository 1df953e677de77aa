"""What is past its retention is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from connector.db import partitions
from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import Installation

# Housekeeping comes by every hour and takes whole months.
_GRACE = timedelta(days=2)


def _run(installation: Installation) -> Iterator[Finding]:
    settings, now = installation.deps.settings, installation.deps.clock.now()
    before = now - timedelta(days=settings.inbox_keep_days) - _GRACE
    with installation.connection() as connection:
        late = [month.name for month in partitions.present(connection, "inbox") if month.end < before]
        oldest_key = connection.scalar(text("SELECT min(received_at) FROM inbox_keys"))
    if late:
        yield warning(
            f"{len(late)} months of the inbox are past INBOX_KEEP_DAYS and still there: they hold deliveries that are"
            " open or stopped.",
            "`connector inbox list` shows them: replay them after a fix, or leave them to STOPPED_KEEP_DAYS.",
            late,
        )
    if oldest_key is not None and oldest_key < now - timedelta(days=settings.inbox_keys_keep_days) - _GRACE:
        yield warning(
            "Keys of deliveries are older than INBOX_KEYS_KEEP_DAYS: housekeeping does not come through.",
            "See the log of the clock process.",
        )


CHECK = Check("retention", "What is past its retention is gone.", _run, needs=("postgres",))
