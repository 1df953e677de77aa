"""Brevo's published rate limits, and the arithmetic of how long calls take under them.

The table is Brevo's limits page (2026-08), per plan tier. A call that the page does not name is "other".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

TIERS = ("general", "advanced", "extended")
SHARE = 0.8
"""The part of each limit that we use; the rest is the merchant's other tools' on the same account."""
SLOTS, FINE_SLOTS = 16, 60
"""A window is counted in this many slots, and one more that is running, in which nothing may leave: in the second
number where that is long (an hour's) or costs nothing, because there are few calls to be counted.
"""
LONG_WINDOW, FEW_CALLS = 60.0, 4
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

    def ours(self, share: float = SHARE) -> Pace:
        """What we use of it. Where the share is no whole number of calls, the window is longer instead of a call less:
        80 % of 2 calls a second are 2 calls in 1.25 seconds, which no second of Brevo's can hold more of.
        """
        most = self.calls * share
        calls = max(1, ceil(most - 1e-9))
        return Pace(calls, self.seconds * calls / most if most > 0 else self.seconds)


@dataclass(frozen=True)
class Pace:
    """At most ``calls`` in any ``seconds``, as the limiter counts them."""

    calls: int
    seconds: float

    def part(self, percent: int) -> Pace:
        """The same when only so much of it may be used; never less than one call."""
        return Pace(max(1, self.calls * percent // 100), self.seconds)

    @property
    def slots(self) -> int:
        return FINE_SLOTS if self.seconds > LONG_WINDOW or self.calls <= FEW_CALLS else SLOTS

    @property
    def returns(self) -> float:
        """Seconds after which a call is counted no more, at the latest: its window, and the slot that it was in."""
        return self.seconds * (self.slots + 1) / self.slots


@dataclass(frozen=True)
class Room:
    """What a bucket leaves from now on. ``leaving``: (seconds from now, how many calls are counted no more then), in
    their order, of those that are counted now. ``closed``: seconds for which nobody may call.
    """

    pace: Pace
    closed: float = 0.0
    leaving: tuple[tuple[float, int], ...] = ()

    def seconds_for(self, calls: int) -> float:
        """Seconds until the last of so many calls may go, each as soon as it may, when nobody else makes any."""
        if calls <= 0:
            return 0.0
        rounds, place = divmod(calls - 1, self.pace.calls)
        return self._places()[place] + rounds * self.pace.returns

    def _places(self) -> list[float]:
        """When each call of the first round may go. After that each place is free again when its call has left."""
        used = sum(count for _, count in self.leaving)
        places = [0.0] * max(0, self.pace.calls - used)
        # Others may use more than we may: what leaves first makes no place for us.
        gone = max(0, used - self.pace.calls)
        for at, count in self.leaving:
            hidden = min(gone, count)
            gone -= hidden
            places += [at] * (count - hidden)
        return [max(at, self.closed) for at in places]


@dataclass(frozen=True)
class Bucket:
    """``calls`` per ``seconds``, by tier (general, advanced, extended).

    ``bulk``: up to how many percent of our share bulk may go, see LANES. An hour is too long to leave much of it to
    somebody who may not come, and of a product nobody waits for a second.
    """

    seconds: float
    calls: tuple[int, int, int]
    bulk: int = 70

    def limit(self, tier: str) -> Limit:
        return Limit(self.calls[TIERS.index(tier)], self.seconds)


BUCKETS: Mapping[str, Bucket] = {
    "email": Bucket(1, (1000, 2000, 6000)),
    "email_log": Bucket(1, (2, 3, 5)),
    "sms": Bucket(1, (150, 200, 250)),
    "events": Bucket(1, (10, 20, 60)),
    "contacts": Bucket(1, (10, 20, 60)),
    "orders": Bucket(1, (5, 10, 15)),
    "products": Bucket(1, (2, 4, 6), bulk=100),
    "smtp": Bucket(HOUR, (300, 600, 1800)),
    "loyalty": Bucket(HOUR, (600, 1200, 100_000)),
    "other": Bucket(HOUR, (100, 200, 600), bulk=97),
}
"""Every endpoint not named by Brevo is "other": 100 calls an hour on the general tier."""


@dataclass(frozen=True)
class Lane:
    """``part``: percent of our share, None: the bucket's ``bulk``; a lower ``rank`` goes first."""

    rank: int
    part: int | None

    def part_of(self, bucket: Bucket) -> int:
        return bucket.bulk if self.part is None else self.part


LANES: Mapping[str, Lane] = {
    "live": Lane(1, 100),
    "watch": Lane(2, 100),
    "bulk": Lane(3, None),
    "maintenance": Lane(4, 30),
}
"""Who waits for the call: a customer or a flow; bulk work (a back-fill) for the outcome of what it has begun; bulk work
for its turn; nobody (drift checks, hourly passes).

A lane is granted calls as long as *all* lanes together have used less than its part of our share in the window. So
whatever bulk does, live finds the rest of the share free of others' calls, and may use all of it. A part is never below
one call. Where it is all of it, and whenever the share is used up, the order is kept by this: a call that was refused
keeps the next free one for its lane, and lower lanes get nothing until it could have come for it.
"""
