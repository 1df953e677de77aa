"""A baseline: the usual way to let people wait in a flow. One RQ job for each step, put off by ``enqueue_in``, that
opens a session of an ORM, looks at the run, the person and what was sent lately, writes what it decides, and puts off
the next.

Small and without malice: one engine for the process, simple workers that fork for no job, one row of log for a step. It
does less than the product: one fixed flow, no exits, no facts of checkouts, nothing that survives the loss of Redis.

``python -m benchmarks.usual_steps [scheduler]`` is a worker. It reads DATABASE_URL and REDIS_URL.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import BigInteger, DateTime, Engine, Identity, Text, create_engine, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from connector.clock import SystemClock

QUEUE = "usual-steps"
_CAP, _DAYS = 3, timedelta(days=7)
# What a cart flow and a newsletter flow do next: wait, or write and wait.
_NEXT = {"cart": ("email", timedelta(days=2)), "news": ("wait", timedelta(days=1))}


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, str: Text, int: BigInteger}


class UsualPerson(Base):
    __tablename__ = "usual_people"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    email: Mapped[str]
    first_name: Mapped[str]
    consent: Mapped[str]
    orders_count: Mapped[int]


class UsualRun(Base):
    __tablename__ = "usual_runs"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(index=True)
    flow: Mapped[str]
    step: Mapped[int]
    state: Mapped[str]
    data: Mapped[dict[str, Any]]


class UsualMessage(Base):
    __tablename__ = "usual_messages"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int]
    person_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str]
    at: Mapped[datetime]


class UsualLog(Base):
    __tablename__ = "usual_log"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime]
    code: Mapped[str]
    detail: Mapped[dict[str, Any]]


def step(run_id: int) -> None:
    """The job: what is next for this run."""
    now = SystemClock().machine()
    with Session(_engine()) as session:
        run = session.get(UsualRun, run_id, with_for_update=True)
        if run is None or run.state != "live":
            return
        person = session.get_one(UsualPerson, run.person_id)
        does, wait = _NEXT[run.flow]
        sent = session.scalar(
            select(func.count(UsualMessage.id)).where(
                UsualMessage.person_id == person.id, UsualMessage.at > now - _DAYS
            )
        )
        if does == "email" and person.consent == "subscribed" and (sent or 0) < _CAP:
            session.add(UsualMessage(run_id=run.id, person_id=person.id, name="second-look", at=now))
            session.add(UsualLog(run_id=run.id, at=now, code="message_wanted", detail={"message": "second-look"}))
        else:
            session.add(UsualLog(run_id=run.id, at=now, code="waiting", detail={"orders": person.orders_count}))
        run.step += 1
        session.commit()
    _queue().enqueue_in(wait, "benchmarks.usual_steps.step", run_id, result_ttl=0)


def prepare(engine: Engine, people: int) -> None:
    """The tables, with so many people inside a flow each."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in _FILL:
            connection.execute(text(statement), {"people": people})


def put_off(redis: Redis, runs: Sequence[int], seconds: float) -> None:
    """The next step of these runs comes after so many seconds."""
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    for run_id in runs:
        queue.enqueue_in(timedelta(seconds=seconds), "benchmarks.usual_steps.step", run_id, result_ttl=0)


_FILL = (
    """
INSERT INTO usual_people SELECT n, 'customer-' || n || '@example.com', 'First', 'subscribed', n % 3
FROM generate_series(1, :people) AS n
""",
    """
INSERT INTO usual_runs
SELECT n, n, CASE WHEN n % 2 = 0 THEN 'cart' ELSE 'news' END, 0, 'live', '{"total": "60.00"}'
FROM generate_series(1, :people) AS n
""",
)


@cache
def _engine() -> Engine:
    return create_engine(os.environ["DATABASE_URL"], pool_size=2)


@cache
def _redis() -> Redis:
    return Redis.from_url(os.environ["REDIS_URL"])


def _queue() -> Queue:
    return Queue(QUEUE, connection=_redis(), serializer=JSONSerializer)


def main() -> None:
    # Imported by its own name, as the jobs import it: so that both share one engine.
    from benchmarks.usual_steps import _queue, _redis

    worker = SimpleWorker([_queue()], connection=_redis(), serializer=JSONSerializer)
    worker.log.setLevel("ERROR")
    worker.work(with_scheduler="scheduler" in sys.argv)


if __name__ == "__main__":
    main()
