"""Values of loyalty data as they come as text."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from sync.loyalty.standing import LONGEST, MOST_POINTS


def points(raw: str) -> int | None:
    """Whole points, parts of one left out; None for what is no number, or none that points can be."""
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and 0 <= number <= MOST_POINTS else None


def text(raw: str) -> str | None:
    """A name of a tier or a reward; None for one that is empty or too long to be one."""
    name = raw.strip().replace("\x00", "")
    return name if 0 < len(name) <= LONGEST else None
