"""Recency, frequency, money: in which fifth of a shop's customers somebody is, by borders that are drawn every night.

With the borders kept, a score changes only when the customer buys or a night's pass moves a border past them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

MEASURES = ("last_order_at", "orders_count", "total_spent")
"""The columns of ``persons`` whose fifths make the scores."""
NAMES = ("recency", "frequency", "monetary")
"""What the fifths are called, in the same order."""


@dataclass(frozen=True, slots=True)
class Borders:
    """The four borders between fifths of the shop's customers, by MEASURES."""

    last_order_at: Sequence[datetime] = ()
    orders_count: Sequence[int] = ()
    total_spent: Sequence[Decimal] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Borders:
        """As they are kept, as JSON; empty while none were drawn."""
        if not kept:
            return cls()
        return cls(
            [datetime.fromisoformat(at) for at in kept["last_order_at"]],
            [int(count) for count in kept["orders_count"]],
            [Decimal(amount) for amount in kept["total_spent"]],
        )


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


def facts(person: Mapping[Any, Any], borders: Borders) -> dict[str, int | None]:
    """The ``rfm`` family: what no border is drawn of is left out, of somebody who never bought it is empty."""
    return {
        name: fifth(person, borders, measure)
        for name, measure in zip(NAMES, MEASURES, strict=True)
        if getattr(borders, measure)
    }
