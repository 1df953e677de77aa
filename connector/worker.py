"""The worker process: one RQ queue, jobs that answer bells.

A job takes the shops that wait for its kind in turn, one batch each, and ends after a second, so that no shop holds a
worker and no kind a queue. Nothing depends on a job surviving: what is due is found again by the sweeper.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from connector import pulse
from connector.clock import Clock, monotonic
from connector.crashpoints import reach
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.logging import setup
from connector.queue.bells import QUEUE_OF_KIND, QUEUES, clear, line_up, listen, next_shop, ring, waiting
from connector.settings import Settings
from connector.shop_states import states_for
from connector.shops import load
from connector.work import work_of

_LONGEST_SECONDS = 1.0
_LISTENING_SECONDS = 0.25
# What nobody waits for in person is cheaper in company: after a round over the shops a worker of these kinds rests for
# so many times as long as the round took, at most for so many seconds. The busier it is, the more gathers. Batches that
# were full already have all the company they can have, so nothing rests for them.
_RESTING, _REST, _LONGEST_REST_SECONDS = frozenset({"fetch", "flows"}), 3.0, 1.0
# Shops that one worker looks after side by side, where most of the time is waiting for a platform.
_AT_ONCE = {"fetch": 4, "sync": 4, "bulk": 4}


@cache
def _deps() -> Deps:
    settings = Settings.from_env()
    setup(settings)
    return Deps.build(settings)


def answer(kind: str) -> None:
    """The RQ job: look after this kind of work for the shops that wait for it, and for those that come while it lasts.

    A job costs as much as some deliveries do, so one that has nothing to do listens for a moment for more.
    """
    deps = _deps()
    clear(deps.redis, kind)
    reach("bells.cleared")
    end = monotonic() + _LONGEST_SECONDS
    first = next_shop(deps.redis, kind)
    while first is not None:
        began = monotonic()
        full = _serve_side_by_side(deps, kind, first, end)
        worked = max(0.0, monotonic() - began - full)
        rest = min(_REST * worked, _LONGEST_REST_SECONDS) if kind in _RESTING else 0.0
        first = listen(deps.redis, kind, _LISTENING_SECONDS if monotonic() < end else 0.0, after=rest)
    if waiting(deps.redis, kind):
        ring(deps.redis, kind)


def _serve_side_by_side(deps: Deps, kind: str, first: int, end: float) -> float:
    """A round: ``first``, a shop that was taken out of the line, and as many more as are in it now. Who comes
    meanwhile has its turn in the next round. The seconds that full batches took, of all hands together.
    """
    places = waiting(deps.redis, kind) + 1
    turns = iter(range(1, places))
    hands = min(_AT_ONCE.get(kind, 1), places)
    if hands <= 1:
        return _serve(deps, kind, first, turns, end)
    with ThreadPoolExecutor(hands) as threads:
        others = [threads.submit(_serve, deps, kind, None, turns, end) for _ in range(hands - 1)]
        full = _serve(deps, kind, first, turns, end)
        return full + sum(hand.result() for hand in others)


def _serve(deps: Deps, kind: str, first: int | None, turns: Iterator[int], end: float) -> float:
    """One shop after the other, until the ``turns`` are over, nobody waits or it is ``end`` (monotonic seconds). The
    seconds that full batches took.
    """
    full = 0.0
    shop_id = first if first is not None else _next_in(deps, kind, turns)
    while shop_id is not None:
        reach("bells.taken")
        began = monotonic()
        if work(deps, kind, shop_id):
            reach("bells.tail")
            # Behind the shops that wait already.
            line_up(deps.redis, kind, shop_id)
            full += monotonic() - began
        if monotonic() > end:
            break
        shop_id = _next_in(deps, kind, turns)
    return full


def _next_in(deps: Deps, kind: str, turns: Iterator[int]) -> int | None:
    return None if next(turns, None) is None else next_shop(deps.redis, kind)


def work(deps: Deps, kind: str, shop_id: int) -> bool:
    """One batch for this shop; whether it is worth another."""
    with autocommitted(deps.engine) as connection:
        try:
            shop = load(connection, shop_id)
        except LookupError:
            # It was erased after its bell had rung.
            return False
    return shop.state in states_for(kind) and work_of(kind)(deps, shop).more


class _Worker(SimpleWorker):
    """Tells others that its queue is served, whenever it tells RQ that it lives: twice a minute at least."""

    signs: pulse.Pulse
    clock: Clock

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        super().heartbeat(timeout, pipeline)
        self.signs.beat(self.clock.machine())

    def procline(self, message: str) -> None:
        """It goes by one name among the machine's processes, whatever it does."""


def main(queue: str) -> None:
    """Entry of ``python -m connector.worker QUEUE``: one queue per process, because a worker on two queues
    loses the job that it is killed over (rq 3.0, issue 1716)."""
    if queue not in QUEUES:
        raise SystemExit(f"unknown queue {queue!r}; there are: {', '.join(QUEUES)}")
    for kind in QUEUE_OF_KIND:
        if QUEUE_OF_KIND[kind] == queue:
            # Now, and not while somebody waits.
            work_of(kind)
    deps = _deps()
    # One process that answers bells in turn: forking a process per job is six times slower, and a job that
    # dies takes nothing with it that the supervisor and the sweeper do not bring back.
    worker = _Worker(
        [Queue(queue, connection=deps.redis, serializer=JSONSerializer)],
        connection=deps.redis,
        serializer=JSONSerializer,
        worker_ttl=45,
        maintenance_interval=30,
        job_monitoring_interval=5,
    )
    worker.signs, worker.clock = pulse.Pulse(deps.redis, pulse.worker(queue)), deps.clock
    worker.log.setLevel("WARNING")
    worker.work(with_scheduler=False)


if __name__ == "__main__":
    # The module that RQ imports for its jobs, so that both share one set of connections.
    import connector.worker

    connector.worker.main(sys.argv[1] if len(sys.argv) > 1 else "")
