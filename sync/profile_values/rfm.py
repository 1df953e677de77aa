"""Recency, frequency, money: in which fifth of a shop's customers somebody is, by borders that are drawn every night.

With the borders kept, a score changes only when the customer buys or a night's pass moves a border past them, and the
pass finds those (``sync.profile_pass``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.profile_values.value import MEASURES, Borders


def fifth(person: Mapping[str, Any], borders: Borders, measure: str) -> int | None:
    """1 to 5; None of somebody who never bought, and while no borders are drawn.

    ``person``: with the columns MEASURES of ``persons``; ``measure``: one of them. Whoever is on a border is below it.
    """
    drawn = getattr(borders, measure)
    if not drawn or not person["orders_count"] or person[measure] is None:
        return None
    return 1 + sum(bool(person[measure] > border) for border in drawn)


def score(person: Mapping[str, Any], borders: Borders) -> str | None:
    """The three fifths as digits: recency, frequency, money."""
    fifths = [fifth(person, borders, measure) for measure in MEASURES]
    return None if None in fifths else "".join(map(str, fifths))
