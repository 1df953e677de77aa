"""The clock of this machine against those of the platforms, by the Date of their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connector.doctor.checks.database_time import MOST_SECONDS
from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    # Asked before, by the checks that this one needs: so they are a few seconds old, in the same direction.
    for name, headers in (("the store", shop.store.heard), ("Brevo", shop.account.heard)):
        theirs, ours = _date(headers), shop.deps.clock.machine()
        ahead = (ours - theirs).total_seconds() if theirs else 0.0
        if abs(ahead) > MOST_SECONDS:
            yield warning(
                f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {name}.",
                "Set it by NTP: events reach Brevo with our time, and signatures are judged by it.",
            )


CHECK = Check("platform time", "Our clock and the platforms' agree.", _run, needs=("store", "brevo"), calls=True)
