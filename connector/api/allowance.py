"""How much a key may ask in a minute: events that it tells, or calls of the admin.

Redis counts them; without it each process counts its own.
"""

from __future__ import annotations

from math import ceil

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis import Redis
from redis.exceptions import RedisError

from connector.clock import Clock, monotonic

# Machine seconds after which a Redis that did not answer is asked again.
_AWAY_SECONDS = 5.0


class Allowance:
    """``per_minute``: what one key may take in any minute of machine time. ``api``: what is counted apart."""

    def __init__(self, redis: Redis, clock: Clock, per_minute: int, api: str = "events-api") -> None:
        self._api = api
        self._clock = clock
        self._item = RateLimitItemPerMinute(per_minute)
        storage: Storage = RedisStorage("redis://", connection_pool=redis.connection_pool)
        self._shared: RateLimiter = SlidingWindowCounterRateLimiter(storage)
        self._own: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._away_until = 0.0

    def take(self, key: str, count: int) -> int | None:
        """Take ``count`` of what this key has left; None, or in how many seconds it is worth asking again."""
        if monotonic() >= self._away_until:
            try:
                return self._take(self._shared, key, count)
            except RedisError:
                self._away_until = monotonic() + _AWAY_SECONDS
        return self._take(self._own, key, count)

    def _take(self, limiter: RateLimiter, key: str, count: int) -> int | None:
        if limiter.hit(self._item, self._api, key, cost=count):
            return None
        reset = limiter.get_window_stats(self._item, self._api, key).reset_time
        return max(1, ceil(reset - self._clock.machine().timestamp()))
