"""Ringing the bell: "there is work of this kind for this shop".

A bell that has been rung and not yet answered is not rung again: a flag in Redis is set with the job and cleared
by the job before it claims. Redis being down costs nothing but time: the sweeper rings again from what is due.
"""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

KINDS = ("intake", "fetch", "flows", "deliver", "sync")

# The kinds share worker processes: one queue per worker process, and fetching shares the sync worker.
QUEUE_OF_KIND = {
    "intake": "intake",
    "fetch": "sync",
    "flows": "flows",
    "deliver": "deliver",
    "sync": "sync",
}
QUEUES = ("intake", "flows", "deliver", "sync")

# A flag whose job was lost (FLUSHALL spares neither, a killed worker loses the job only) must not silence the
# bell for long. Seconds of machine time.
_FLAG_SECONDS = 5


def _flag(kind: str, shop_id: int) -> str:
    return f"bell:{kind}:{shop_id}"


def ring(redis: Redis, kind: str, shop_id: int) -> bool:
    """Ask a worker to look after ``kind`` for this shop. Best effort: never raises, says whether it rang."""
    try:
        if not redis.set(_flag(kind, shop_id), 1, nx=True, ex=_FLAG_SECONDS):
            return False
        Queue(QUEUE_OF_KIND[kind], connection=redis, serializer=JSONSerializer).enqueue(
            "connector.worker.answer", kind, shop_id, job_timeout=120, result_ttl=0, failure_ttl=600
        )
        return True
    except RedisError:
        return False


def clear(redis: Redis, kind: str, shop_id: int) -> None:
    """Answer the bell: to be called before claiming, so that work arriving meanwhile rings again."""
    try:
        redis.delete(_flag(kind, shop_id))
    except RedisError:
        return
