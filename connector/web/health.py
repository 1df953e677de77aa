"""Is this installation ready, and what lags: asked of PostgreSQL with a bound on the waiting.

One thread asks, so that a PostgreSQL that hangs holds one connection and no request for longer than PATIENCE.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from threading import Lock, Thread

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from connector import logging, pulse
from connector.brevo.client import BrevoAccount
from connector.clock import Clock, monotonic
from connector.db import migrate
from connector.queue.bells import QUEUES
from connector.shops import Shop
from connector.web import backlog, drain

log = logging.get(__name__)

# Seconds of machine time: how long a report is waited for, and how long it serves.
PATIENCE = 2.5
FRESH = 1.0


@dataclass(frozen=True)
class Report:
    """``postgres`` and ``redis``: "up" or "down"; ``migrations``: "current", "behind" or "unknown".

    ``processes``: the signs of life by process, none when Redis does not answer; ``stopped``: kind -> rows that wait
    for somebody; ``draining``: what waits for the limits of Brevo.
    """

    postgres: str
    migrations: str
    redis: str
    processes: dict[str, pulse.Sign] = field(default_factory=dict)
    waiting: dict[str, backlog.Waiting] = field(default_factory=dict)
    lagging: list[str] = field(default_factory=list)
    stopped: dict[str, int] = field(default_factory=dict)
    draining: list[drain.Draining] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Redis is left out: without it everything still happens, later."""
        return self.postgres == "up" and self.migrations == "current"


PROCESSES = (pulse.CLOCK, pulse.HOUSEKEEPING, *map(pulse.worker, QUEUES))


class Health:
    """Reports for one process. ``account_of`` opens a shop's Brevo account, which is asked for its limits only."""

    def __init__(self, engine: Engine, redis: Redis, clock: Clock, account_of: Callable[[Shop], BrevoAccount]) -> None:
        self._engine = engine
        self._redis = redis
        self._clock = clock
        self._account_of = account_of
        self._lock = Lock()
        self._pending: Future[Report] | None = None
        self._asked = float("-inf")

    def report(self) -> Report:
        """The newest report, at most FRESH seconds old, within PATIENCE seconds."""
        with self._lock:
            answered = self._pending is not None and self._pending.done()
            if self._pending is None or (answered and monotonic() - self._asked > FRESH):
                self._pending = Future()
                self._asked = monotonic()
                # A daemon: a PostgreSQL that hangs must not keep the process from ending.
                Thread(target=self._answer, args=[self._pending], name="health", daemon=True).start()
            pending = self._pending
        try:
            return pending.result(PATIENCE)
        except Late:
            return Report("down", "unknown", "unknown")

    def _answer(self, pending: Future[Report]) -> None:
        try:
            pending.set_result(self._ask())
        except Exception as error:
            pending.set_exception(error)

    def _ask(self) -> Report:
        redis, processes = self._ask_redis()
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SET LOCAL statement_timeout = '2s'"))
                if migrate.current(connection) != migrate.heads():
                    return Report("up", "behind", redis, processes)
                now = self._clock.now()
                waiting = backlog.read(connection, now, self._clock.machine())
                stopped = backlog.stopped(connection, now)
                draining = drain.read(connection, now, self._account_of)
        except SQLAlchemyError as error:
            log.warning("health_unreadable", error=type(error).__name__)
            return Report("down", "unknown", redis, processes)
        lagging = backlog.lagging(waiting, self._clock.rate)
        return Report("up", "current", redis, processes, waiting, lagging, stopped, draining)

    def _ask_redis(self) -> tuple[str, dict[str, pulse.Sign]]:
        try:
            return "up", pulse.signs(self._redis, PROCESSES, self._clock.machine())
        except RedisError:
            return "down", {}
