"""The engine and the one place that commits.

Everything that writes takes a ``Connection``; only this module opens one. The statement and lock time-outs keep a
stalled statement from holding a process, and an idle transaction from slowing every claim.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import orjson
from sqlalchemy import Connection, Engine
from sqlalchemy import create_engine as sqlalchemy_engine

_SESSION = (
    "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    " -c timezone=UTC -c synchronous_commit=on"
)


def create_engine(url: str, pool_size: int = 5, *, ask_first: bool = False) -> Engine:
    """An engine for one process: build it after the fork. ``url`` is of the form postgresql+psycopg://...

    ``ask_first``: make sure that a pooled connection lives before it is used, for requests that nobody repeats.
    Workers do without: a job that meets a dead connection fails, the pool is emptied, and the sweeper rings again.
    """
    return sqlalchemy_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=ask_first,
        # What is too large for 64 bits is a float, as it was when it arrived: PostgreSQL writes 1e30 out, and nothing
        # could write that integer as JSON again.
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": 5,
            "options": _SESSION,
            # Says in pg_stat_activity whose a transaction is.
            "application_name": f"connector {os.getpid()}",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    """One transaction that is rolled back however the block ends: what would happen is seen, and does not."""
    with engine.connect() as connection:
        # What nobody commits is undone when the connection goes back to the pool.
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction in which PostgreSQL refuses every write, and in which all that is read agrees."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield connection


@contextmanager
def autocommitted(engine: Engine) -> Iterator[Connection]:
    """A connection on which every statement is a transaction of its own.

    For work that is one statement, or reads that need not agree: a transaction around it would be two more trips to
    PostgreSQL, which cost as much as the statement does.
    """
    with _without_transactions(engine).connect() as connection:
        yield connection


# A process has one engine; tests have several, one after the other.
@lru_cache(maxsize=4)
def _without_transactions(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")
