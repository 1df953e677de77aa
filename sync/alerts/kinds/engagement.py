"""Fewer people open the emails than used to, or click in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from sync.alerts.evidence import fallen
from sync.alerts.kinds.kind import Figures, Finding, Kind, Looking
from sync.alerts.kinds.windows import changes, percent

_TODO = {
    "opened": "Look at which messages it is on the page Flows: a new subject line, a new sender, or emails that land in"
    " the spam folder.",
    "clicked": "Look at which messages it is on the page Flows: a link that leads nowhere, an offer that has ended, or"
    " fewer of the people whom it concerns.",
}


def _falling(name: str, said: str, count: Callable[[Figures], int]) -> Callable[[Looking], Iterator[Finding]]:
    def look(look: Looking) -> Iterator[Finding]:
        verdict, days, recent, before = changes(look, count, fallen)
        if verdict is not None:
            yield Finding(
                f"Of the {recent.n} emails of {days} days {percent(recent)} were {said}; in the four weeks before it"
                f" was {percent(before)}. {_TODO[name]}",
                detail={"days": days, name: recent.k, "emails": recent.n, "before": before.k, "of": before.n},
                faint=verdict == "faint",
            )

    return look


_SETTLES = timedelta(days=1)
OPENS = Kind("falling_opens", "Fewer opens", _falling("opened", "opened", lambda one: one.opened), _SETTLES)
CLICKS = Kind("falling_clicks", "Fewer clicks", _falling("clicked", "clicked", lambda one: one.clicked), _SETTLES)
