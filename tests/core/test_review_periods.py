"""Whole months, quarters and years that were over when a day began."""

from __future__ import annotations

from datetime import date

import pytest

from flows.reviews.periods import last_whole


@pytest.mark.parametrize(
    ("every", "day", "name", "first", "last", "words"),
    [
        ("month", date(2026, 3, 1), "2026-02", date(2026, 2, 1), date(2026, 2, 28), "February 2026"),
        ("month", date(2028, 3, 31), "2028-02", date(2028, 2, 1), date(2028, 2, 29), "February 2028"),
        ("month", date(2026, 1, 31), "2025-12", date(2025, 12, 1), date(2025, 12, 31), "December 2025"),
        ("quarter", date(2026, 1, 1), "2025-Q4", date(2025, 10, 1), date(2025, 12, 31), "October to December 2025"),
        ("quarter", date(2026, 6, 30), "2026-Q1", date(2026, 1, 1), date(2026, 3, 31), "January to March 2026"),
        ("quarter", date(2026, 7, 1), "2026-Q2", date(2026, 4, 1), date(2026, 6, 30), "April to June 2026"),
        ("year", date(2026, 12, 31), "2025", date(2025, 1, 1), date(2025, 12, 31), "2025"),
        ("year", date(2027, 1, 1), "2026", date(2026, 1, 1), date(2026, 12, 31), "2026"),
    ],
)
def test_the_last_whole_one(every: str, day: date, name: str, first: date, last: date, words: str) -> None:
    found = last_whole(every, day)  # type: ignore[arg-type]
    assert (found.name, found.first, found.last, found.words) == (name, first, last, words)
    before = found.before
    assert before.last.toordinal() + 1 == found.first.toordinal() and before.every == every
