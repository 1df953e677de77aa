"""Space where PostgreSQL keeps its data, when that is on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import Installation

_SCARCE, _GONE = 0.10, 0.03


def _folder(installation: Installation) -> Path | None:
    """The data folder, None when it is elsewhere or PostgreSQL does not tell us."""
    host = installation.deps.engine.url.query.get("host") or installation.deps.engine.url.host or ""
    if not str(host).startswith("/") and host not in ("localhost", "127.0.0.1", "::1"):
        return None
    try:
        with installation.connection() as connection:
            folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    except ProgrammingError:
        return None
    try:
        return folder if folder.exists() else None
    except OSError:
        return None


def _run(installation: Installation) -> Iterator[Finding]:
    folder = _folder(installation)
    if folder is None:
        return
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total
    if share < _SCARCE:
        say = broken if share < _GONE else warning
        yield say(
            f"{usage.free / 2**30:.1f} GiB ({share:.0%}) are free where PostgreSQL keeps its data.",
            "Make room: without it webhooks are turned away. INBOX_KEEP_DAYS says how long deliveries are kept.",
        )


CHECK = Check("disk", "There is space where PostgreSQL keeps its data, as far as it is known here.", _run,
              needs=("postgres",))  # fmt: skip
