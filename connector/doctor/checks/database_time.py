"""The clock of this machine against the one of PostgreSQL's.

Nothing of the product asks PostgreSQL for the time; but where the two differ, one of the machines that we run on is
wrong, and leases and back-off are kept by all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import text

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import Installation

MOST_SECONDS = 30.0


def _run(installation: Installation) -> Iterator[Finding]:
    with installation.connection() as connection:
        theirs = connection.scalar(text("SELECT clock_timestamp()"))
    ours = installation.deps.clock.machine()
    assert isinstance(theirs, datetime)
    ahead = (ours - theirs).total_seconds()
    if abs(ahead) > MOST_SECONDS:
        yield warning(
            f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} PostgreSQL's.",
            "Set both by NTP: leases, back-off and signatures go by the clock.",
        )


CHECK = Check("database time", "Our clock and PostgreSQL's agree.", _run, needs=("postgres",))
