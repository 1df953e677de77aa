"""A baseline: a loop on psycopg alone that claims what is due, writes the same rows, and decides nothing.

What it writes is a copy of what the product has written for somebody else (``Pattern``): the run where it stands then,
its timer moved or gone, its lines of the trail and of the log of decisions, its message. A batch is six statements and
a commit; nobody's facts are read and no condition is asked.

``python -m benchmarks.due_steps_bare`` is a worker. It reads DATABASE_URL, REDIS_URL and BENCH_SHOP, and drains what is
due whenever it is told to (``TURN`` in Redis).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import FrameType
from typing import Any, cast

import orjson
import psycopg
from redis import Redis
from sqlalchemy import Connection, text

BATCH = 500
TURN, PATTERNS = "bench:bare:turn", "bench:bare:patterns"
_RUN, _PERSON = "@run@", "@person@"


@dataclass(frozen=True)
class Pattern:
    """What one step of one flow has written; ``moved_by``: seconds until its next timer, None when it has none now."""

    position: str
    moved_by: float | None
    trail: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    outbox: list[dict[str, Any]]

    def rows(self) -> int:
        """How many rows are written for a step."""
        return 2 + len(self.trail) + len(self.decisions) + len(self.outbox)


def patterns(connection: Connection, shop_id: int, moved: Mapping[str, int]) -> dict[str, Pattern]:
    """By flow, from what the product has written for one person each (``moved``: flow -> person)."""
    return {flow: _pattern(connection, {"shop": shop_id, "person": person}) for flow, person in moved.items()}


def _pattern(connection: Connection, given: Mapping[str, Any]) -> Pattern:
    run = connection.execute(text("SELECT id, position FROM runs" + _OF), given).one()

    def found(table: str) -> list[dict[str, Any]]:
        rows = connection.execute(text(f"SELECT to_jsonb({table}) - 'id' AS row FROM {table}{_OF}"), given)  # noqa: S608
        return [_unnamed(row.row, run.id, given["person"]) for row in rows]

    timer = connection.execute(text(_MOVED_BY), given).first()
    position = _unnamed(run.position, run.id, given["person"])
    return Pattern(
        orjson.dumps(position).decode(),
        float(timer.seconds) if timer is not None else None,
        found("trail"),
        found("decisions"),
        found("outbox"),
    )


_OF = " WHERE shop_id = :shop AND person_id = :person"
_MOVED_BY = (
    "SELECT extract(epoch FROM due_at - (SELECT max(at) FROM trail WHERE trail.shop_id = :shop"
    " AND trail.person_id = :person)) AS seconds FROM timers" + _OF
)


def _unnamed(value: Any, run: object, person: int) -> Any:
    """The same for anybody: whose it is stands in it by name."""
    told = orjson.dumps(value).replace(str(run).encode(), _RUN.encode())
    return orjson.loads(told.replace(f'"person_id":{person}'.encode(), f'"person_id":"{_PERSON}"'.encode()))


def tell(redis: Redis, found: Mapping[str, Pattern], now: datetime, workers: int) -> None:
    """Let so many workers drain what is due at ``now``."""
    redis.set(PATTERNS, orjson.dumps({flow: asdict(one) for flow, one in found.items()}))
    redis.rpush(TURN, *[now.isoformat()] * workers)


def main() -> None:
    """A worker, until SIGTERM."""
    shop_id = int(os.environ["BENCH_SHOP"])
    redis = Redis.from_url(os.environ["REDIS_URL"])

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    url = os.environ["DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(url, options="-c synchronous_commit=on -c timezone=UTC") as connection:
        while True:
            told = cast(tuple[bytes, bytes] | None, redis.blpop([TURN], 1))
            if told is not None:
                found = orjson.loads(cast(bytes, redis.get(PATTERNS)))
                known = {flow: Written(Pattern(**one)) for flow, one in found.items()}
                while batch(connection, shop_id, datetime.fromisoformat(told[1].decode()), known):
                    pass


class Written:
    """A pattern as texts into which names are put."""

    def __init__(self, pattern: Pattern) -> None:
        self.position, self.moved_by = pattern.position, pattern.moved_by
        told = {"trail": pattern.trail, "decisions": pattern.decisions, "outbox": pattern.outbox}
        self.rows = {name: orjson.dumps(rows).decode()[1:-1] for name, rows in told.items()}


def batch(connection: psycopg.Connection, shop_id: int, now: datetime, known: Mapping[str, Written]) -> int:
    claimed = connection.execute(_CLAIM, {"shop": shop_id, "now": now, "most": BATCH}).fetchall()
    if not claimed:
        connection.commit()
        return 0
    positions, stay, tokens, moments, go = [], [], [], [], []
    rows: dict[str, list[str]] = {"trail": [], "decisions": [], "outbox": []}
    for owner, token, person, flow in claimed:
        pattern, name = known[flow], str(person)
        positions.append(pattern.position.replace(_RUN, owner))
        if pattern.moved_by is None:
            go.append(owner)
        else:
            stay.append(owner)
            tokens.append(token)
            moments.append(pattern.moved_by)
        for table, told in pattern.rows.items():
            if told:
                rows[table].append(told.replace(_RUN, owner).replace(f'"{_PERSON}"', name))
    with connection.pipeline():
        owners = [owner for owner, *_ in claimed]
        connection.execute(_RUNS, {"shop": shop_id, "owners": owners, "positions": positions})
        if go:
            connection.execute(_GONE, {"shop": shop_id, "owners": go})
        if stay:
            moved = {"shop": shop_id, "owners": stay, "tokens": tokens, "seconds": moments, "now": now}
            connection.execute(_MOVED, moved)
        for table, told_rows in rows.items():
            if told_rows:
                connection.execute(_INSERTS[table], {"rows": f"[{','.join(told_rows)}]"})
        connection.commit()
    return len(claimed)


_CLAIM = """
SELECT timers.owner, timers.token, timers.person_id, runs.flow
FROM timers JOIN runs ON runs.shop_id = timers.shop_id AND runs.id = CAST(timers.owner AS uuid)
WHERE timers.shop_id = %(shop)s AND timers.due_at <= %(now)s
ORDER BY timers.due_at LIMIT %(most)s
FOR UPDATE OF timers SKIP LOCKED
"""
_RUNS = """
UPDATE runs SET position = moved.position
FROM unnest(%(owners)s::text[], %(positions)s::jsonb[]) AS moved (owner, position)
WHERE runs.shop_id = %(shop)s AND runs.id = CAST(moved.owner AS uuid)
"""
_GONE = "DELETE FROM timers WHERE shop_id = %(shop)s AND kind = 'run' AND owner = ANY (%(owners)s) AND key = 'wait'"
_MOVED = """
UPDATE timers SET due_at = %(now)s + moved.seconds * interval '1 second', token = moved.token
FROM unnest(%(owners)s::text[], %(tokens)s::text[], %(seconds)s::float[]) AS moved (owner, token, seconds)
WHERE timers.shop_id = %(shop)s AND timers.kind = 'run' AND timers.owner = moved.owner AND timers.key = 'wait'
"""
_COLUMNS = {
    "trail": "shop_id, person_id, run_id, flow, step, at, code, detail",
    "decisions": "shop_id, person_id, at, ordinal, stimulus, facts",
    "outbox": "shop_id, key, run_id, flow, version, person_id, step, channel, message, data, purpose, priority, state,"
    " reason, created_at, due_at, deadline, deferrals, attempts",
}
_INSERTS = {
    table: f"INSERT INTO {table} ({columns}) SELECT {columns}"  # noqa: S608
    f" FROM jsonb_populate_recordset(NULL::{table}, CAST(%(rows)s AS jsonb))"
    for table, columns in _COLUMNS.items()
}


if __name__ == "__main__":
    main()
