"""How much of a store's GraphQL budget we use: at most half, so that other work on the shop is not starved.

The store tells the level of its bucket with every answer; between answers it is reckoned forward. Kept in Redis for
all workers, on the wire clock:

* what a query will cost is held back from the moment it leaves until its answer tells the level with it, so that
  workers who ask at the same time do not count on the same points;
* a query that had to be refused keeps its place: others are asked to leave its cost until it could have come back;
* after THROTTLED, or 429 with a time, nobody asks until the store can pay.

Before the first answer the smallest plan's bucket is taken to be full (2,000 points, 100 a second). Without Redis calls
go out: the store's own THROTTLED answer is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from connector.clock import Clock

RESERVE = 0.5
# What a document is taken to cost until the store has told it (points).
_FIRST_GUESS = 50.0
_SMALLEST_BUCKET, _SLOWEST_RATE = 2000.0, 100.0
# Wire seconds after which the points of a query that brought no answer are no longer held back.
_HELD = 10.0
# Machine time: what an idle shop's bucket was is soon of no interest.
_LIFE_SECONDS = 3600

# KEYS[1]: hash of one shop's bucket. ARGV: document, time now, reserved part, first guess, bucket, rate, seconds held.
# Answer: seconds to wait as text, number of the hold.
_TAKE = """
local document, now, reserved = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local facts, held = {}, 0
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local points, ends = string.match(stored[i + 1], '^([%d.]+)|([%d.]+)$')
  if not points then
    facts[stored[i]] = stored[i + 1]
  elseif tonumber(ends) > now then
    held = held + tonumber(points)
  else
    redis.call('HDEL', KEYS[1], stored[i])
  end
end

local closed = tonumber(facts.closed or '0')
if closed > now then return {string.format('%.6f', closed - now), 0} end

local most, rate = tonumber(facts.most or ARGV[5]), tonumber(facts.rate or ARGV[6])
local passed = math.max(0, now - tonumber(facts.at or ARGV[2]))
local available = math.min(most, tonumber(facts.available or most) + passed * rate) - held
local cost = math.min(tonumber(facts['cost:' .. document] or ARGV[4]), most * (1 - reserved))
local waits = tonumber(facts.waits_until or '0') > now
local first = waits and facts.waits_for ~= document and tonumber(facts.waits_cost) or 0
-- Whoever keeps a place never needs more than there is.
first = math.min(first, most * (1 - reserved) - cost)
local missing = most * reserved + cost + math.max(0, first) - available
if missing > 0 then
  local wait = missing / rate
  if not waits then
    local until_back = string.format('%.6f', now + wait + 1)
    redis.call('HSET', KEYS[1], 'waits_for', document, 'waits_cost', cost, 'waits_until', until_back)
  end
  return {string.format('%.6f', wait), 0}
end
if waits and facts.waits_for == document then redis.call('HDEL', KEYS[1], 'waits_until') end
local hold = redis.call('HINCRBY', KEYS[1], 'holds', 1)
redis.call('HSET', KEYS[1], 'hold:' .. hold, string.format('%.3f|%.6f', cost, now + tonumber(ARGV[7])))
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[8]))
return {'0', hold}
"""


@dataclass(frozen=True)
class Hold:
    """``wait``: wire seconds until it is worth asking again, 0 when the query may go; ``id`` then names its points."""

    wait: float
    id: int = 0


class Budget:
    """The budgets of all shops of this installation."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._take = redis.register_script(_TAKE)

    def take(self, domain: str, document: str) -> Hold:
        """Hold back what this document cost last time, if our half has as much."""
        asked = (RESERVE, _FIRST_GUESS, _SMALLEST_BUCKET, _SLOWEST_RATE, _HELD, _LIFE_SECONDS)
        try:
            wait, hold = self._take(keys=[_key(domain)], args=[document, repr(self._clock.wire()), *asked])
        except RedisError:
            return Hold(0.0)
        return Hold(float(wait), int(hold))

    def observe(self, domain: str, document: str, cost: Mapping[str, Any], hold: Hold) -> None:
        """Learn from ``extensions.cost`` of the answer to a query that held points. Incomplete ones teach nothing."""
        level = self._level(document, cost)
        try:
            if level:
                self._redis.hset(_key(domain), items=[part for pair in level.items() for part in pair])
            self._redis.hdel(_key(domain), f"hold:{hold.id}")
        except RedisError:
            return

    def _level(self, document: str, cost: Mapping[str, Any]) -> dict[str, Any] | None:
        status = cost.get("throttleStatus")
        if not isinstance(status, Mapping):
            return None
        try:
            level: dict[str, Any] = {
                "available": float(status["currentlyAvailable"]),
                "most": float(status["maximumAvailable"]),
                "rate": float(status["restoreRate"]),
                "at": repr(self._clock.wire()),
            }
            requested = cost.get("requestedQueryCost")
            if requested is not None:
                level[f"cost:{document}"] = float(requested)
        except (KeyError, TypeError, ValueError):
            return None
        return level if level["rate"] > 0 else None

    def close(self, domain: str, seconds: float) -> None:
        """The store said that it answers nothing for so long (wire seconds): nobody asks before."""
        try:
            self._redis.hset(_key(domain), "closed", repr(self._clock.wire() + seconds))
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
