"""The days that are held against each other: the last ones whose messages have had time to be opened, and the four
weeks before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from sync.alerts.evidence import Share, Verdict, summed
from sync.alerts.kinds.kind import Figures, Looking

LEFT_OUT = 2
"""Days at the end that are left out, today among them: most opens come within a day."""
USUAL = 28
WINDOWS = (2, 7)
"""A sudden change shows in two days, a slow one in seven."""


def of_days(look: Looking, count: Callable[[Figures], int], first: date, last: date) -> Share:
    """How many of the emails of these days, both included. What arrived is not always told: then of those that left."""
    found = [one.figures for one in look.emails if first <= one.date <= last]
    return summed([Share(count(one), one.delivered or one.sent) for one in found])


def changes(
    look: Looking, count: Callable[[Figures], int], judge: Callable[[Share, Share], Verdict]
) -> tuple[Verdict, int, Share, Share]:
    """(the verdict, days, the share in so many days, the share in the four weeks before): of the window in which it is
    clearest."""
    found = [(judge(recent, before), days, recent, before) for days, recent, before in _pairs(look, count)]
    for wanted in ("clear", "faint"):
        for one in found:
            if one[0] == wanted:
                return one
    return found[0]


def _pairs(look: Looking, count: Callable[[Figures], int]) -> Iterator[tuple[int, Share, Share]]:
    last = look.today - timedelta(days=LEFT_OUT)
    for days in WINDOWS:
        first = last - timedelta(days=days - 1)
        usual = of_days(look, count, first - timedelta(days=USUAL), first - timedelta(days=1))
        yield days, of_days(look, count, first, last), usual


def percent(share: Share) -> str:
    """``0.12 %``."""
    return f"{100 * share.rate:.2g} %" if share.rate < 0.01 else f"{100 * share.rate:.1f} %"
