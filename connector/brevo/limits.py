"""Brevo's rate limits: one sliding window per account and bucket, in Redis, shared by all workers.

The published table per plan tier (Brevo's limits page, 2026-08) is where a bucket starts; answers correct it.
We use a share of each limit and leave the rest to the merchant's other tools on the same account. Windows run
on the wire clock.

Why a window in slots and not a token bucket: a token bucket of capacity c and rate r lets c + r through in
one window, so staying below a limit for certain costs either the burst or the rate. Counting the last 16
slots and the running one never lets more than the limit through in any window, allows all of it at once and
costs 1/17 of the rate.

Without Redis every process limits itself to a quarter of the share: calls go on, and a 429 is harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from threading import Lock

from redis import Redis
from redis.exceptions import RedisError

from connector.brevo.verdicts import reset_seconds
from connector.brevo.window import SCRIPT
from connector.clock import Clock

TIERS = ("general", "advanced", "extended")
SHARE = 0.8
_LOCAL_SHARE = 0.25
_SLOTS = 16
# Machine time. What an idle bucket has learned is learned again from the next answer.
_LIFE_SECONDS = 2 * 86400


@dataclass(frozen=True)
class Bucket:
    """``calls`` per ``seconds``, by tier (general, advanced, extended)."""

    seconds: float
    calls: tuple[int, int, int]

    def limit(self, tier: str) -> int:
        return self.calls[TIERS.index(tier)]

    def tier_limit(self, told: float | None) -> int | None:
        """The table's limit that a header speaks of, by the window or by the hour; None for any other."""
        per_hour = 3600 / self.seconds
        return next((calls for calls in self.calls if told in (calls, calls * per_hour)), None)


BUCKETS: Mapping[str, Bucket] = {
    "email": Bucket(1, (1000, 2000, 6000)),
    "email_log": Bucket(1, (2, 3, 5)),
    "sms": Bucket(1, (150, 200, 250)),
    "events": Bucket(1, (10, 20, 60)),
    "contacts": Bucket(1, (10, 20, 60)),
    "orders": Bucket(1, (5, 10, 15)),
    "products": Bucket(1, (2, 4, 6)),
    "smtp": Bucket(3600, (300, 600, 1800)),
    "loyalty": Bucket(3600, (600, 1200, 100_000)),
    "other": Bucket(3600, (100, 200, 600)),
}
"""Every endpoint not named by Brevo is "other": 100 calls an hour on the general tier."""


@dataclass(frozen=True)
class Grant:
    """``calls`` that may be made now; when none, ``wait`` seconds until it is worth asking again."""

    calls: int
    wait: float = 0.0
    slot: int = 0


class Limiter:
    """Grants calls. All times that come in and go out are seconds on the wire clock."""

    def __init__(self, redis: Redis, clock: Clock, *, share: float = SHARE) -> None:
        self._redis = redis
        self._clock = clock
        self._share = share
        self._script = redis.register_script(SCRIPT)
        self._learned: dict[str, int] = {}
        self._local: dict[str, deque[float]] = {}
        self._guard = Lock()

    def grab(
        self, account: str, bucket: str, most: int, *, at_least: int = 1, tier: str = "general"
    ) -> Grant:
        """Up to ``most`` calls, none when fewer than ``at_least`` are free."""
        shape = BUCKETS[bucket]
        now = self._clock.wire()
        slot_seconds = shape.seconds / _SLOTS
        try:
            granted, slots, slot = self._script(
                keys=[_key(account, bucket)],
                args=[
                    floor(now / slot_seconds),
                    _SLOTS,
                    shape.limit(tier),
                    round(self._share * 100),
                    most,
                    at_least,
                    _LIFE_SECONDS,
                ],
            )
        except RedisError:
            return self._grab_locally(_key(account, bucket), shape, tier, most, at_least, now)
        return Grant(int(granted), 0.0 if granted else int(slots) * slot_seconds, int(slot))

    def give_back(self, account: str, bucket: str, grant: Grant, calls: int) -> None:
        """Return ``calls`` of a grant that were not made. Best effort: a lost one is a call not used."""
        if calls <= 0 or not grant.slot:
            return
        try:
            self._redis.hincrby(_key(account, bucket), f"s{grant.slot}", -calls)
        except RedisError:
            return

    def observe(
        self, account: str, bucket: str, status: int, headers: Mapping[str, str], *, tier: str = "general"
    ) -> None:
        """Correct the bucket from an answer (``headers`` in lower case).

        * a 429, or less left than the share that is not ours (somebody else is using it): nothing more until
          the window that the answer names has ended;
        * a limit that the table holds for another tier: the account is on that tier.
        """
        shape = BUCKETS[bucket]
        limit = _number(headers.get("x-sib-ratelimit-limit"))
        remaining = _number(headers.get("x-sib-ratelimit-remaining"))
        scarce = limit is not None and remaining is not None and remaining < limit * (1 - self._share) - 1e-9
        changes: dict[str, str] = {}
        if status == 429 or scarce:
            slot_seconds = shape.seconds / _SLOTS
            until = self._clock.wire() + max(reset_seconds(headers), slot_seconds)
            changes["blocked"] = f"{ceil(until / slot_seconds)}"
        actual = shape.tier_limit(limit)
        key = _key(account, bucket)
        if actual is not None and self._learned.get(key, shape.limit(tier)) != actual:
            changes["limit"] = str(actual)
        if not changes:
            return
        try:
            self._redis.hset(key, mapping=changes)
            self._redis.expire(key, _LIFE_SECONDS)
        except RedisError:
            return
        if actual is not None:
            self._learned[key] = actual

    def _grab_locally(
        self, key: str, shape: Bucket, tier: str, most: int, at_least: int, now: float
    ) -> Grant:
        usable = max(1, floor(shape.limit(tier) * self._share * _LOCAL_SHARE))
        with self._guard:
            made = self._local.setdefault(key, deque())
            while made and made[0] <= now - shape.seconds:
                made.popleft()
            free = usable - len(made)
            if free < min(at_least, usable):
                return Grant(0, made[0] + shape.seconds - now)
            granted = min(most, free)
            made.extend([now] * granted)
            return Grant(granted)


def _key(account: str, bucket: str) -> str:
    return f"brevo:limit:{account}:{bucket}"


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
