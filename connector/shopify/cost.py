"""How much of a store's GraphQL budget we use: at most half, so that other work on the shop is not starved.

The store tells the level of its bucket with every answer; between answers it is reckoned forward. Kept in
Redis for all workers, on the wire clock. Without Redis, or before the first answer, calls simply go out: the
store's own THROTTLED answer is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from connector.clock import Clock

RESERVE = 0.5
# What a document is taken to cost until the store has told it (points).
_FIRST_GUESS = 50.0
_LIFE_SECONDS = 3600

# KEYS[1] hash of the bucket; ARGV: document, time now, reserved part, first guess. Returns seconds as text.
_TAKE = """
local level = redis.call('HMGET', KEYS[1], 'available', 'at', 'most', 'rate', 'cost:' .. ARGV[1])
if not level[1] then return '0' end
local now, at, most, rate = tonumber(ARGV[2]), tonumber(level[2]), tonumber(level[3]), tonumber(level[4])
local cost = math.min(tonumber(level[5] or ARGV[4]), most * (1 - tonumber(ARGV[3])))
local available = math.min(most, tonumber(level[1]) + math.max(0, now - at) * rate)
local missing = most * tonumber(ARGV[3]) + cost - available
if missing > 0 then return string.format('%.6f', missing / rate) end
redis.call('HSET', KEYS[1], 'available', string.format('%.3f', available - cost), 'at', ARGV[2])
return '0'
"""


class Budget:
    """The budgets of all shops of this installation."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._take = redis.register_script(_TAKE)

    def take(self, domain: str, document: str) -> float:
        """Take what this document cost last time: 0, or the wire seconds until our half holds as much."""
        try:
            arguments = [document, repr(self._clock.wire()), RESERVE, _FIRST_GUESS]
            return float(self._take(keys=[_key(domain)], args=arguments))
        except RedisError:
            return 0.0

    def observe(self, domain: str, document: str, cost: Mapping[str, Any]) -> None:
        """Learn from ``extensions.cost`` of an answer. Incomplete ones teach nothing."""
        status = cost.get("throttleStatus")
        if not isinstance(status, Mapping):
            return
        try:
            level = {
                "available": float(status["currentlyAvailable"]),
                "most": float(status["maximumAvailable"]),
                "rate": float(status["restoreRate"]),
                "at": repr(self._clock.wire()),
            }
            if level["rate"] <= 0:
                return
            requested = cost.get("requestedQueryCost")
            if requested is not None:
                level[f"cost:{document}"] = float(requested)
        except (KeyError, TypeError, ValueError):
            return
        try:
            self._redis.hset(_key(domain), mapping=level)
            self._redis.expire(_key(domain), _LIFE_SECONDS)
        except RedisError:
            return


def throttled_seconds(cost: Mapping[str, Any]) -> float:
    """Wire seconds until a throttled query can be paid for (``extensions.cost``); 1 when it does not say."""
    status: Any = cost.get("throttleStatus")
    try:
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(missing / float(status["restoreRate"]), 0.05)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 1.0


def _key(domain: str) -> str:
    return f"shopify:cost:{domain}"
