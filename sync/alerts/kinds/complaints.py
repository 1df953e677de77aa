"""Emails are reported as spam more often than mailbox providers put up with.

Gmail's guidelines for senders ask for less than 0.1 % and refuse mail from 0.3 % on, which is where the complaint brake
of the shop's settings stops the marketing emails. The warning comes at a third of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sync.alerts.evidence import exceeds
from sync.alerts.kinds.kind import CRITICAL, WARNING, Finding, Kind, Looking
from sync.alerts.kinds.windows import of_days, percent

_LEAST = 3


def _look(look: Looking) -> Iterator[Finding]:
    rule = look.shop.settings["complaint_brake"]
    limit, days = rule["percent"] / 100, rule["days"]
    found = of_days(look, lambda one: one.complained, look.today - timedelta(days=min(days, 42) - 1), look.today)
    verdict = exceeds(found, limit / 3, least=_LEAST)
    if verdict is not None:
        yield Finding(
            f"{found.k} of the {found.n} emails of {days} days were reported as spam ({percent(found)}). From"
            f" {rule['percent']:g} % on mailbox providers refuse all mail of a shop"
            f"{', and the marketing emails are stopped before that' if rule['on'] else ''}. Find out who got emails"
            " that they did not expect: the page Messages shows the complaints.",
            tone=CRITICAL if exceeds(found, limit, least=_LEAST) == "clear" else WARNING,
            detail={"days": days, "complaints": found.k, "emails": found.n},
            faint=verdict == "faint",
        )


COMPLAINTS = Kind("complaints", "Emails reported as spam", _look, timedelta(days=1))
