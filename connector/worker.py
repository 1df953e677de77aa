"""The worker process: one RQ queue, jobs that answer bells.

A job claims due rows in batches, ends after a second or five batches and rings again at the tail, so that no shop
holds a worker. Nothing depends on a job surviving: what is due is found again by the sweeper.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from connector.clock import monotonic
from connector.db.session import transaction
from connector.deps import Deps
from connector.logging import get, setup
from connector.queue.batch import Batch
from connector.queue.bells import QUEUES, clear, ring
from connector.settings import Settings
from connector.shops import Shop, load
from flows.engine import decide, dispatch
from sync import contacts, feed, fetch
from sync.readers import READERS
from webhooks import process

log = get(__name__)

_LONGEST_SECONDS = 1.0
_MOST_BATCHES = 5


def _tell_provider(deps: Deps, shop: Shop) -> Batch:
    more = contacts.send_due(deps, shop)
    more = feed.send_due(deps, shop) or more
    return Batch(0, more)


# kind -> one batch of it. What follows from a batch is rung by the transactions that wrote it.
WORK: Mapping[str, Callable[[Deps, Shop], Batch]] = {
    "intake": process.handle_due,
    "fetch": lambda deps, shop: fetch.answer_due(deps, shop, READERS),
    "flows": decide.decide_due,
    "deliver": dispatch.dispatch_due,
    "sync": _tell_provider,
}


@cache
def _deps() -> Deps:
    settings = Settings.from_env()
    setup(settings)
    return Deps.build(settings)


def answer(kind: str, shop_id: int) -> None:
    """The RQ job: look after this kind of work for this shop."""
    work(_deps(), kind, shop_id)


def work(deps: Deps, kind: str, shop_id: int) -> None:
    """Answer one bell: batches for a second at most."""
    clear(deps.redis, kind, shop_id)
    with transaction(deps.engine) as connection:
        shop = load(connection, shop_id)
    if not shop.active:
        return
    end = monotonic() + _LONGEST_SECONDS
    for _ in range(_MOST_BATCHES):
        if not WORK[kind](deps, shop).more:
            return
        if monotonic() > end:
            break
    ring(deps.redis, kind, shop_id)


def main(queue: str) -> None:
    """Entry of ``python -m connector.worker QUEUE``: one queue per process, because a worker on two queues
    loses the job that it is killed over (rq 3.0, issue 1716)."""
    if queue not in QUEUES:
        raise SystemExit(f"unknown queue {queue!r}; there are: {', '.join(QUEUES)}")
    deps = _deps()
    # One process that answers bells in turn: forking a process per job is six times slower, and a job that
    # dies takes nothing with it that the supervisor and the sweeper do not bring back.
    worker = SimpleWorker(
        [Queue(queue, connection=deps.redis, serializer=JSONSerializer)],
        connection=deps.redis,
        serializer=JSONSerializer,
        worker_ttl=45,
        maintenance_interval=30,
        job_monitoring_interval=5,
    )
    worker.log.setLevel("WARNING")
    worker.work(with_scheduler=False)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
