"""Group commit: whatever arrived while the last group was being written is stored by one statement.

One thread per process owns one connection. A request adds its delivery to the open group and waits for that
group's commit. Nothing waits longer than the patience given: when PostgreSQL stalls, requests are turned away
while the thread keeps trying, and the first group that gets through opens the door again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import orjson
import psycopg

from connector import logging
from connector.clock import monotonic
from webhooks.line import Line

log = logging.get(__name__)

# A group is bounded in rows and bytes: what does not fit is turned away rather than kept in memory.
GROUP_ROWS = 500
GROUP_BYTES = 32 * 1024 * 1024
# Machine time between two looks at a PostgreSQL that does not answer.
_PROBE_SECONDS = 0.25

# Keys are inserted in their own order, so that two processes storing the same deliveries never wait for each
# other in a circle; rows in order of arrival, so that ids follow it.
STORE = """
WITH given AS (
    SELECT DISTINCT ON (shop_id, source, external_id) *
    FROM unnest(
        %(shop_id)b::bigint[], %(source)b::text[], %(external_id)b::text[], %(topic)b::text[],
        %(lane)b::text[], %(state)b::text[], %(reason)b::text[], %(raw)b::bytea[], %(headers)b::text[],
        %(received_at)b::timestamptz[], %(received_real)b::timestamptz[]
    ) WITH ORDINALITY AS delivery (
        shop_id, source, external_id, topic, lane, state, reason, raw, headers,
        received_at, received_real, place
    )
    ORDER BY shop_id, source, external_id, place
), fresh AS (
    INSERT INTO inbox_keys (shop_id, source, external_id, received_at)
    SELECT shop_id, source, external_id, received_at FROM given ORDER BY shop_id, source, external_id
    ON CONFLICT DO NOTHING
    RETURNING shop_id, source, external_id
)
INSERT INTO inbox (
    shop_id, received_at, received_real, source, topic, external_id, lane, state, reason, raw, headers,
    attempts
)
SELECT
    shop_id, received_at, received_real, source, topic, external_id, lane, state, nullif(reason, ''), raw,
    headers::jsonb, 0
FROM given JOIN fresh USING (shop_id, source, external_id)
ORDER BY place
RETURNING shop_id, source, external_id
"""


_COLUMNS = (
    "shop_id", "source", "external_id", "topic", "lane", "state", "reason", "raw", "headers",
    "received_at", "received_real",
)  # fmt: skip

# shop_id, source, external_id
Key = tuple[int, str, str]


class NotStored(Exception):
    """The delivery is not known to be stored: the sender should send it again."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One row for the inbox. ``received_at`` is business time, ``received_real`` machine time."""

    shop_id: int
    source: str
    external_id: str
    topic: str
    lane: str
    raw: bytes
    headers: Mapping[str, str]
    received_at: datetime
    received_real: datetime
    state: str = "new"
    reason: str = ""

    @property
    def key(self) -> Key:
        return (self.shop_id, self.source, self.external_id)


class Counts(Protocol):
    """What the writer tells of itself."""

    def group(self, rows: int, seconds: float) -> None: ...


@dataclass(slots=True)
class _Group:
    rows: list[InboxRow] = field(default_factory=list)
    size: int = 0
    # Keys that were new; None until committed.
    stored: set[Key] | None = None
    refused: set[Key] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)


class Writer:
    """``patience``: the longest that a group is waited for, in seconds of machine time."""

    def __init__(self, url: str, patience: float, counts: Counts) -> None:
        self._line = Line(url, patience * 0.85, "connector-intake")
        self._patience = patience
        self._counts = counts
        self._arrived = threading.Condition()
        self._open = _Group()
        # When the first statement began of those that have not succeeded since the last success.
        self._trouble: float | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="intake-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Store what is waiting and end."""
        with self._arrived:
            self._ending = True
            self._arrived.notify()
        self._thread.join(self._patience)
        self._line.close()

    def store(self, row: InboxRow, deadline: float) -> bool:
        """Wait for the commit until ``deadline`` (monotonic seconds); whether the row was new.

        Raises NotStored.
        """
        deadline = min(deadline, self._end_of_patience())
        with self._arrived:
            group = self._open
            size = len(row.raw)
            if len(group.rows) >= GROUP_ROWS or group.size + size > GROUP_BYTES:
                raise NotStored("too many deliveries are waiting")
            group.rows.append(row)
            group.size += size
            self._arrived.notify()
        if not group.done.wait(deadline - monotonic()):
            self._line.cut_when_stalled()
            raise NotStored("PostgreSQL did not answer in time")
        if group.stored is None or row.key in group.refused:
            raise NotStored("PostgreSQL did not take it")
        return row.key in group.stored

    def _end_of_patience(self) -> float:
        """What others have already waited for the same trouble counts."""
        now, trouble = monotonic(), self._trouble
        if trouble is None:
            return now + self._patience
        if now - trouble > self._patience:
            self._line.cut_when_stalled()
            raise NotStored("PostgreSQL is not answering")
        return trouble + self._patience

    def _work(self) -> None:
        while True:
            with self._arrived:
                if not self._open.rows and not self._ending:
                    self._arrived.wait(_PROBE_SECONDS if self._trouble is not None else None)
                group, self._open = self._open, _Group()
                if self._ending and not group.rows:
                    return
            if group.rows or self._trouble is not None:
                self._write(group)

    def _write(self, group: _Group) -> None:
        """Store a group, or, in trouble, nothing at all: the statement itself says when it works again."""
        started = monotonic()
        if self._trouble is None:
            self._trouble = started
        try:
            group.stored = self._insert(group, started)
            self._trouble = None
            self._counts.group(len(group.rows), monotonic() - started)
        except Exception as error:
            # Also what nobody thought of: without this thread nothing is ever stored again.
            if group.rows:
                log.warning("intake_not_stored", count=len(group.rows), error=type(error).__name__)
        finally:
            group.done.set()

    def _insert(self, group: _Group, started: float) -> set[Key]:
        try:
            return self._execute(group.rows)
        except psycopg.DataError:
            # What PostgreSQL cannot hold must not take the others with it.
            return set().union(*(self._insert_alone(row, group) for row in group.rows))
        except psycopg.OperationalError:
            # Mostly a connection that died while idle. Storing twice is storing once, so ask again at once.
            if monotonic() - started > self._patience / 2:
                raise
            return self._execute(group.rows)

    def _insert_alone(self, row: InboxRow, group: _Group) -> set[Key]:
        try:
            return self._execute([row])
        except psycopg.DataError:
            group.refused.add(row.key)
            return set()

    def _execute(self, rows: Sequence[InboxRow]) -> set[Key]:
        columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _COLUMNS}
        columns["headers"] = [orjson.dumps(headers).decode() for headers in columns["headers"]]
        return set(self._line.rows(STORE, columns))
