"""Ringing the bell: "there is work of this kind for this shop".

The shops that wait for a kind of work stand in a line in Redis, each once, the one that has waited longest in front.
One job answers for all of them: a flag is set with the job and cleared by the job before it takes anybody out of the
line, so that many deliveries of many shops cost one job, and work that arrives meanwhile rings again. A job that finds
nobody in the line listens for a moment before it ends and keeps the flag up so long: what arrives then is taken at
once and costs no job. Redis being down costs nothing but time: the sweeper rings again from what is due.
"""

from __future__ import annotations

from math import ceil
from typing import cast

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from connector.clock import pause
from connector.crashpoints import reach

KINDS = (
    "intake", "fetch", "flows", "deliver", "sync", "reconcile", "reruns", "tokens", "closing", "privacy", "imports",
    "profiles", "survey", "reports", "backfill", "bulk", "arming", "coupons",
    "outgoing", "signals", "schedules", "alerts", "figures",
)  # fmt: skip

# One queue per worker process. What is read from the store has its own: telling Brevo never waits for the store. So
# has what goes in bulk: to write one body takes seconds, for which no change of anybody waits. And so has reading the
# whole store, which computes for minutes: what waits for the limits of Brevo would not use them meanwhile.
QUEUE_OF_KIND = {
    "intake": "intake",
    "fetch": "fetch",
    "flows": "flows",
    "deliver": "deliver",
    "sync": "sync",
    "reruns": "fetch",
    "tokens": "fetch",
    "closing": "flows",
    "arming": "flows",
    "schedules": "flows",
    "privacy": "sync",
    "imports": "bulk",
    "profiles": "bulk",
    "survey": "bulk",
    "reports": "bulk",
    "reconcile": "backfill",
    "backfill": "backfill",
    "bulk": "bulk",
    "coupons": "bulk",
    "outgoing": "bulk",
    "signals": "bulk",
    "alerts": "bulk",
    "figures": "bulk",
}
QUEUES = ("intake", "fetch", "flows", "deliver", "sync", "bulk", "backfill")

# A flag whose job was lost (FLUSHALL spares neither, a killed worker loses the job only) must not silence the
# bell for long. Seconds of machine time.
_FLAG_SECONDS = 5
# The same for the flag of somebody who listens, beyond the time of the listening.
_LISTENING_SECONDS = 1

# KEYS: line, flag; ARGV: seconds of the flag, shops. Whether the flag was not set yet. The place in the line is by
# Redis's own clock, which is one for all who ring.
_RING = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'NX', now, ARGV[i]) end
return redis.call('SET', KEYS[2], 'job', 'NX', 'EX', ARGV[1]) and 1 or 0
"""
# KEYS: line; ARGV: shop.
_STAND = """
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000000 + time[2], ARGV[1])
"""
# KEYS: flag. The flag of a job that has not begun stays.
_LISTEN_NO_MORE = """
if redis.call('GET', KEYS[1]) == 'listening' then redis.call('DEL', KEYS[1]) end
"""


def _line(kind: str) -> str:
    return f"bell:line:{kind}"


def _flag(kind: str) -> str:
    return f"bell:flag:{kind}"


def ring(redis: Redis, kind: str, *shop_ids: int) -> bool:
    """Ask a worker to look after ``kind`` for these shops. Best effort: never raises, says whether it is a new job."""
    try:
        if not redis.eval(_RING, 2, _line(kind), _flag(kind), _FLAG_SECONDS, *shop_ids):
            return False
        reach("bells.flagged")
        Queue(QUEUE_OF_KIND[kind], connection=redis, serializer=JSONSerializer).enqueue(
            "connector.worker.answer", kind, job_timeout=120, result_ttl=0, failure_ttl=600
        )
        return True
    except RedisError:
        return False


def clear(redis: Redis, kind: str) -> None:
    """Answer the bell: to be called before taking a shop, so that work arriving meanwhile rings again."""
    try:
        redis.delete(_flag(kind))
    except RedisError:
        return


def next_shop(redis: Redis, kind: str) -> int | None:
    """Take out of the line the shop that has waited longest; None when nobody waits."""
    try:
        taken = redis.zpopmin(_line(kind))
    except RedisError:
        return None
    return int(taken[0][0]) if taken else None


def listen(redis: Redis, kind: str, seconds: float, *, after: float = 0.0) -> int | None:
    """Wait for somebody to stand in line and take them out; None when nobody came. Whoever rings meanwhile adds no
    job. ``after``: seconds before, in which those who come only gather. For 0 ``seconds`` nobody is taken."""
    try:
        redis.set(_flag(kind), "listening", nx=True, ex=_LISTENING_SECONDS + ceil(after + seconds))
        pause(after)
        taken = cast(tuple[bytes, bytes, float] | None, redis.bzpopmin(_line(kind), seconds)) if seconds else None
        redis.eval(_LISTEN_NO_MORE, 1, _flag(kind))
    except RedisError:
        return None
    if not seconds:
        return None
    # Whoever came between the end of the waiting and the end of the flag rang for nobody.
    return int(taken[1]) if taken else next_shop(redis, kind)


def line_up(redis: Redis, kind: str, shop_id: int) -> None:
    """Let a shop stand in line without ringing: for whoever is going to look at the line."""
    try:
        redis.eval(_STAND, 1, _line(kind), shop_id)
    except RedisError:
        return


def waiting(redis: Redis, kind: str) -> int:
    """How many shops stand in line."""
    try:
        return redis.zcard(_line(kind))
    except RedisError:
        return 0


def thin_out(redis: Redis, most: int = 100) -> int:
    """Leave ``most`` jobs in each queue and say how many went: a queue that nobody answers gets one every few seconds,
    and one bell says as much as all of them. Best effort: never raises."""
    gone = 0
    try:
        for name in QUEUES:
            queue = Queue(name, connection=redis, serializer=JSONSerializer)
            while (surplus := queue.count - most) > 0:
                taken = cast(list[bytes], redis.lpop(queue.key, min(surplus, 500)) or [])
                redis.delete(*(Job.key_for(job_id.decode()) for job_id in taken))
                gone += len(taken)
    except RedisError:
        return gone
    return gone
