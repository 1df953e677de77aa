"""More people unsubscribe from the emails than used to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sync.alerts.evidence import Share, Verdict, risen
from sync.alerts.kinds.kind import Finding, Kind, Looking
from sync.alerts.kinds.windows import changes, percent

_LEAST = 5


def _judge(recent: Share, before: Share) -> Verdict:
    return risen(recent, before, least=_LEAST)


def _look(look: Looking) -> Iterator[Finding]:
    verdict, days, recent, before = changes(look, lambda one: one.unsubscribed, _judge)
    if verdict is not None:
        yield Finding(
            f"{recent.k} people unsubscribed from the {recent.n} emails of {days} days ({percent(recent)}); in the four"
            f" weeks before it was {percent(before)}. Look at which messages it is on the page Flows, and whether"
            " people get more emails than they expect: Settings, limits.",
            detail={"days": days, "unsubscribed": recent.k, "emails": recent.n, "before": before.k, "of": before.n},
            faint=verdict == "faint",
        )


UNSUBSCRIBES = Kind("rising_unsubscribes", "More unsubscribes", _look, timedelta(days=1))
