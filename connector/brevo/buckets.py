"""Brevo's published rate limits, and the arithmetic of how long calls take under them.

The table is Brevo's limits page (2026-08), per plan tier. A call that the page does not name is "other".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

TIERS = ("general", "advanced", "extended")
SHARE = 0.8
"""The part of each limit that we use; the rest is the merchant's other tools' on the same account."""
SLOTS = 16
"""A window is counted in this many slots, and one more that is running."""
HOUR = 3600.0


@dataclass(frozen=True)
class Limit:
    """``calls`` in any ``seconds`` of the wire clock. ``calls`` may be a fraction: an hourly limit spread evenly."""

    calls: float
    seconds: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds

    def ours(self, share: float = SHARE) -> int:
        """The calls per window that we use: never none, or a limit of one call would stop us for good."""
        return max(1, floor(self.calls * share + 1e-9))


@dataclass(frozen=True)
class Bucket:
    """``calls`` per ``seconds``, by tier (general, advanced, extended)."""

    seconds: float
    calls: tuple[int, int, int]

    def limit(self, tier: str) -> Limit:
        return Limit(self.calls[TIERS.index(tier)], self.seconds)


BUCKETS: Mapping[str, Bucket] = {
    "email": Bucket(1, (1000, 2000, 6000)),
    "email_log": Bucket(1, (2, 3, 5)),
    "sms": Bucket(1, (150, 200, 250)),
    "events": Bucket(1, (10, 20, 60)),
    "contacts": Bucket(1, (10, 20, 60)),
    "orders": Bucket(1, (5, 10, 15)),
    "products": Bucket(1, (2, 4, 6)),
    "smtp": Bucket(HOUR, (300, 600, 1800)),
    "loyalty": Bucket(HOUR, (600, 1200, 100_000)),
    "other": Bucket(HOUR, (100, 200, 600)),
}
"""Every endpoint not named by Brevo is "other": 100 calls an hour on the general tier."""


@dataclass(frozen=True)
class Lane:
    """``part``: percent of our share; a lower ``rank`` goes first."""

    rank: int
    part: int


LANES: Mapping[str, Lane] = {"live": Lane(1, 100), "bulk": Lane(2, 70), "maintenance": Lane(3, 30)}
"""Who waits for the call: a customer or a flow; a back-fill; nobody (drift checks, hourly passes).

A lane is granted calls as long as *all* lanes together have used less than its part of our share in the window. So
whatever bulk does, live finds 30 % of the share free of others' calls, and may use all of it. A part is never below
one call. Where it is one call anyway, and whenever the share is used up, the order is kept by this: a call that was
refused keeps the next free one for its lane, and lower lanes get nothing until it could have come for it.
"""


def drain_seconds(calls: int, limit: Limit, *, share: float = SHARE, lane: str = "live") -> float:
    """Wire seconds until the last of ``calls`` waiting calls may go, when nobody else uses the bucket.

    The first window's worth goes at once; each further one when the window before has left the ``SLOTS`` + 1 slots
    that are counted.
    """
    per_window = max(1, limit.ours(share) * LANES[lane].part // 100)
    return max(0, calls - 1) // per_window * limit.seconds * (SLOTS + 1) / SLOTS
