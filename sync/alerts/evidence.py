"""Whether a share is what it was, judged so that few messages raise no alarm: pure.

The bounds are Wilson's for a share of ``k`` in ``n``. They are wide when ``n`` is small, so that what could be chance
is taken for chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

# Standard deviations: of what is judged, where one look in two hundred would be wrong, and of what it is held against.
SURE, FAIR = 2.58, 1.0

Verdict = Literal["clear", "faint"] | None
"""``faint``: too little to raise an alert, too much to take one back."""


@dataclass(frozen=True)
class Share:
    """``k`` of ``n``."""

    k: int
    n: int

    @property
    def rate(self) -> float:
        return self.k / self.n if self.n else 0.0

    def bounds(self, deviations: float) -> tuple[float, float]:
        """Between which shares the true one lies."""
        if self.n <= 0:
            return 0.0, 1.0
        k, square = min(max(self.k, 0), self.n), deviations**2
        middle = (k + square / 2) / (self.n + square)
        half = deviations / (self.n + square) * sqrt(k * (self.n - k) / self.n + square / 4)
        return max(0.0, middle - half), min(1.0, middle + half)


def summed(shares: Sequence[Share]) -> Share:
    return Share(sum(one.k for one in shares), sum(one.n for one in shares))


def fallen(recent: Share, before: Share) -> Verdict:
    """Whether the share is a fifth lower than it was, chance aside."""
    usual = before.bounds(FAIR)[0]
    if before.k and recent.n and recent.bounds(SURE)[1] < 0.8 * usual:
        return "clear"
    return "faint" if before.k and recent.n and recent.rate < 0.9 * before.rate else None


def risen(recent: Share, before: Share, *, least: int) -> Verdict:
    """Whether the share is half as high again as it was, chance aside, and there are ``least`` of it."""
    usual = before.bounds(FAIR)[1]
    if before.n and recent.k >= least and recent.bounds(SURE)[0] > 1.5 * usual:
        return "clear"
    return "faint" if before.n and recent.k >= least and recent.rate > 1.25 * before.rate else None


def exceeds(recent: Share, limit: float, *, least: int) -> Verdict:
    """Whether the share is past a limit, chance aside (one look in twenty), and there are ``least`` of it."""
    if recent.k >= least and recent.bounds(1.645)[0] > limit:
        return "clear"
    return "faint" if recent.k >= least and recent.rate > 0.8 * limit else None
