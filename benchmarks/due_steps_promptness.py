"""How soon somebody's wait is acted on once it is over, while a thousand end every second.

The whole runtime is up: the clock process finds what is due, one worker decides it. A wait is acted on when the
transaction that did so was committed, by PostgreSQL's own record of that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from benchmarks.arrivals import spread
from benchmarks.due_steps_crowd import Crowd, left_due, make_due
from benchmarks.own_servers import OwnServers
from benchmarks.progress import say
from connector.clock import monotonic, pause
from connector.db.session import transaction

PER_SECOND = 1_000
AIM = 1.0
# PostgreSQL's own record of when a transaction was committed.
POSTGRES = {"track_commit_timestamp": "on"}
_BEFORE = timedelta(seconds=4)
_PATIENCE = 60.0


def measure(servers: OwnServers, crowd: Crowd, seconds: int) -> dict[str, Any]:
    """Waits end evenly for so many seconds."""
    deps = servers.deps
    with (
        servers.process("flows-prompt", "-m", "connector.worker", "flows"),
        servers.process("clock", "-m", "connector.clockwork"),
    ):
        # What loading them costs is no part of it: some fall due first.
        _ended(servers, crowd, PER_SECOND // 2, 0.5)
        chosen, first, span = _ended(servers, crowd, PER_SECOND * seconds, seconds)
    with transaction(deps.engine) as connection:
        given = {"shop": crowd.shop.id, "persons": chosen}
        acted = {row.person_id: row.acted.timestamp() + servers.offset for row in connection.execute(_ACTED, given)}
    took = spread([acted[person] - (first + place * span).timestamp() for place, person in enumerate(chosen)])
    say(f"  {PER_SECOND} a second: acted on after {took}")
    return {"per_second": PER_SECOND, "seconds": took, "aim": {"p99": AIM}}


def _ended(servers: OwnServers, crowd: Crowd, count: int, seconds: float) -> tuple[list[int], Any, timedelta]:
    """Let so many waits end evenly; returns who, the first moment and the time between two."""
    deps, chosen = servers.deps, crowd.some(count)
    first = deps.clock.now() + _BEFORE
    last = first + timedelta(seconds=seconds)
    with transaction(deps.engine) as connection:
        make_due(connection, crowd, chosen, first, last)
    if deps.clock.now() > first:
        raise RuntimeError("the machine is too slow to prepare it in time")
    deadline = monotonic() + _BEFORE.total_seconds() + seconds + _PATIENCE
    while monotonic() < deadline:
        pause(0.5)
        now = deps.clock.now()
        with transaction(deps.engine) as connection:
            if now > last and not left_due(connection, crowd, now):
                return chosen, first, (last - first) / count
    raise RuntimeError(f"waits that ended were not acted on: {servers.log_of('flows-prompt')}")


_ACTED = text(
    "SELECT person_id, pg_xact_commit_timestamp(xmin) AS acted FROM runs"
    " WHERE shop_id = :shop AND person_id = ANY (CAST(:persons AS bigint[]))"
)
