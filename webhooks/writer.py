"""Group commit: whatever arrived while the last group was being written is stored by one statement.

One thread per process owns one connection. A request hands over its delivery and waits for the commit of the group
that it went into. Nothing waits longer than the patience given: when PostgreSQL stalls, requests are turned away
while the thread keeps trying, and the first group that gets through opens the door again.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

import orjson
import psycopg

from connector import logging
from connector.clock import monotonic, pause
from connector.crashpoints import reach
from webhooks.line import Line

log = logging.get(__name__)

# A group is bounded: what does not fit into the next one is turned away rather than kept in memory.
GROUP_ROWS = 500
# Machine time for which a group waits for company: nothing to a lone delivery, and under load the groups are a good
# deal larger.
_GATHER_SECONDS = 0.0002
# Machine time between two looks at a PostgreSQL that does not answer.
_PROBE_SECONDS = 0.25

# A body is compressed when it is stored, which is most of what storing it costs: lz4 takes a quarter of the time of
# the usual method, where the server was built with it.
QUICK_COMPRESSION = """
SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""

# Keys are inserted in their own order, so that two processes storing the same deliveries never wait for each
# other in a circle; rows in order of arrival, so that ids follow it.
STORE = """
WITH given AS (
    SELECT DISTINCT ON (shop_id, source, external_id) *
    FROM ROWS FROM (
        json_to_recordset($1::json) AS (
            shop_id bigint, source text, external_id text, topic text, lane text, headers jsonb,
            received_at timestamptz, received_real timestamptz, state text, reason text
        ),
        unnest($2::bytea[])
    ) WITH ORDINALITY AS delivery (
        shop_id, source, external_id, topic, lane, headers, received_at, received_real, state, reason, raw, place
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
    headers, 0
FROM given JOIN fresh USING (shop_id, source, external_id)
ORDER BY place
RETURNING shop_id, source, external_id
"""
# PostgreSQL's binary form of bytea[]: dimensions, whether there are nulls, the elements' type, their number, the
# first one's place; then length and bytes of each.
_ARRAY_HEAD = struct.Struct("!iiiii")
_BYTEA_OID = 17
_LENGTH = struct.Struct("!i")

# shop_id, source, external_id
Key = tuple[int, str, str]


class NotStored(Exception):
    """The delivery is not known to be stored: the sender should send it again."""


class InboxRow(NamedTuple):
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
        return self[:3]

    def without_bytes(self) -> dict[str, Any]:
        """All columns but ``raw``, as JSON can hold them."""
        columns = self._asdict()
        del columns["raw"]
        return columns


class Counts(Protocol):
    """What the writer tells of itself."""

    def group(self, rows: int, seconds: float) -> None: ...


class _Delivery:
    """A row and the request that waits for it. ``new``: whether the row was; None while it is not known to be stored.

    ``answered`` is a bare lock that is released once: with an Event more time would go into waking the requests of a
    group than into storing it.
    """

    __slots__ = ("answered", "new", "row")

    def __init__(self, row: InboxRow) -> None:
        self.row: InboxRow | None = row
        self.new: bool | None = None
        self.answered = threading.Lock()
        self.answered.acquire()


class Writer:
    """``patience``: the longest that a group is waited for, in seconds of machine time."""

    def __init__(self, url: str, patience: float, counts: Counts) -> None:
        self._line = Line(url, patience * 0.85, "connector-intake", STORE, first=QUICK_COMPRESSION)
        self._patience = patience
        self._counts = counts
        # None: the end.
        self._arrived: SimpleQueue[_Delivery | None] = SimpleQueue()
        # When the first statement began of those that have not succeeded since the last success.
        self._trouble: float | None = None
        self._thread = threading.Thread(target=self._work, name="intake-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Store what is waiting and end."""
        self._arrived.put(None)
        self._thread.join(self._patience)
        self._line.close()

    def store(self, row: InboxRow, deadline: float) -> bool:
        """Wait for the commit until ``deadline`` (monotonic seconds); whether the row was new.

        Raises NotStored.
        """
        deadline = min(deadline, self._end_of_patience())
        return self._stored(self._hand_over(row), deadline)

    def store_all(self, rows: Sequence[InboxRow], deadline: float) -> list[bool]:
        """The same for several that one sender told at once. Raises NotStored when one of them is not known to be
        stored; others may be."""
        deadline = min(deadline, self._end_of_patience())
        handed_over = [self._hand_over(row) for row in rows]
        return [self._stored(delivery, deadline) for delivery in handed_over]

    def _hand_over(self, row: InboxRow) -> _Delivery:
        if self._arrived.qsize() >= GROUP_ROWS:
            raise NotStored("too many deliveries are waiting")
        delivery = _Delivery(row)
        self._arrived.put(delivery)
        return delivery

    def _stored(self, delivery: _Delivery, deadline: float) -> bool:
        if not delivery.answered.acquire(timeout=max(0.0, deadline - monotonic())):
            # Nobody waits for it any more, so its bytes need not be kept.
            delivery.row = None
            self._line.cut_when_stalled()
            raise NotStored("PostgreSQL did not answer in time")
        if delivery.new is None:
            raise NotStored("PostgreSQL did not take it")
        return delivery.new

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
        ending = False
        while not ending:
            group = self._next_group()
            ending = group[-1:] == [None]
            deliveries = [delivery for delivery in group if delivery is not None]
            if deliveries or self._trouble is not None:
                self._write(deliveries)

    def _next_group(self) -> list[_Delivery | None]:
        """What has arrived, waited for; nothing when it is time for another look at a PostgreSQL in trouble."""
        try:
            first = self._arrived.get(timeout=_PROBE_SECONDS if self._trouble is not None else None)
        except Empty:
            return []
        pause(_GATHER_SECONDS)
        group = [first]
        # Nobody else takes from the queue, so what it holds now can be taken without waiting.
        for _ in range(min(self._arrived.qsize(), GROUP_ROWS - 1)):
            group.append(self._arrived.get_nowait())
        return group

    def _write(self, group: Sequence[_Delivery]) -> None:
        """Store a group, or, in trouble, nothing at all: the statement itself says when it works again."""
        started = monotonic()
        if self._trouble is None:
            self._trouble = started
        waited_for = [(delivery, row) for delivery in group if (row := delivery.row) is not None]
        try:
            refused: set[Key] = set()
            stored = self._insert([row for _, row in waited_for], refused, started)
            reach("t1.stored")
            self._trouble = None
            for delivery, row in waited_for:
                if row.key not in refused:
                    delivery.new = row.key in stored
                    # Of two in one group with the same key the first is the one that is stored.
                    stored.discard(row.key)
            self._counts.group(len(waited_for), monotonic() - started)
        except Exception as error:
            # Also what nobody thought of: without this thread nothing is ever stored again.
            if group:
                log.warning("intake_not_stored", count=len(group), error=type(error).__name__)
        finally:
            for delivery in group:
                delivery.answered.release()

    def _insert(self, rows: Sequence[InboxRow], refused: set[Key], started: float) -> set[Key]:
        """The keys that were new. What PostgreSQL cannot hold is added to ``refused``."""
        try:
            return self._execute(rows)
        except psycopg.DataError:
            # It must not take the others with it.
            return set().union(*(self._insert_alone(row, refused) for row in rows))
        except psycopg.OperationalError:
            # Mostly a connection that died while idle. Storing twice is storing once, so ask again at once.
            if monotonic() - started > self._patience / 2:
                raise
            return self._execute(rows)

    def _insert_alone(self, row: InboxRow, refused: set[Key]) -> set[Key]:
        try:
            return self._execute([row])
        except psycopg.DataError:
            refused.add(row.key)
            return set()

    def _execute(self, rows: Sequence[InboxRow]) -> set[Key]:
        told = orjson.dumps([row.without_bytes() for row in rows]).decode()
        stored = self._line.rows(told, _bytea_array([row.raw for row in rows]))
        return {(int(shop_id or 0), source or "", external_id or "") for shop_id, source, external_id in stored}


def _bytea_array(values: Sequence[bytes]) -> bytes:
    parts = [_ARRAY_HEAD.pack(1, 0, _BYTEA_OID, len(values), 1)]
    for value in values:
        parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)
