"""Whole months, quarters and years. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Every = Literal["month", "quarter", "year"]
_MONTHS: dict[Every, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Period:
    """``name``: 2026-10, 2026-Q4 or 2026; ``last`` is its last day."""

    every: Every
    first: date
    last: date

    @property
    def name(self) -> str:
        if self.every == "year":
            return f"{self.first.year}"
        return f"{self.first:%Y-%m}" if self.every == "month" else f"{self.first.year}-Q{self.first.month // 3 + 1}"

    @property
    def words(self) -> str:
        """As people say it: ``October 2026``, ``October to December 2026``, ``2026``."""
        if self.every == "quarter":
            return f"{self.first:%B} to {self.last:%B %Y}"
        return f"{self.first:%B %Y}" if self.every == "month" else self.name

    @property
    def before(self) -> Period:
        """The one that ended when this one began."""
        return last_whole(self.every, self.first)


def last_whole(every: Every, day: date) -> Period:
    """The last period that was over when ``day`` began.

    >>> last_whole("month", date(2026, 3, 1)).name, last_whole("quarter", date(2026, 3, 31)).name
    ('2026-02', '2025-Q4')
    """
    months = _MONTHS[every]
    running = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    last = running - timedelta(days=1)
    return Period(every, last.replace(month=(last.month - 1) // months * months + 1, day=1), last)
