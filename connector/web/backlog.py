"""What waits to be done and what has stopped, over all shops: how much of each kind and for how long.

Ages are seconds of the time that the rows live in: machine time for work and leases, business time for what
is due by the calendar (timers, messages).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

# Kind -> (table, since when a row waits, which rows wait). Every condition follows an index of its table,
# shop by shop, so that counting costs what is due and not what there is.
_KINDS = {
    "inbox": ("inbox", "received_real", "state IN ('new', 'retry')"),
    "fetches": ("fetches", "due_real", "state IN ('due', 'leased') AND due_real <= :machine"),
    "persons": ("person_work", "since_real", "pending"),
    "timers": ("timers", "due_at", "due_at <= :now"),
    "outbox": ("outbox", "due_at", "state = 'due' AND due_at <= :now"),
    "outbox_unknown": ("outbox", "lease_real", "state = 'unknown'"),
    "contacts": (
        "sync_state",
        "due_real",
        "state IN ('due', 'leased') AND due_real <= :machine AND entity = 'contact'",
    ),
    "commerce": (
        "sync_state",
        "due_real",
        "state IN ('due', 'leased') AND due_real <= :machine AND entity IN ('order', 'product', 'category')",
    ),
    "feed": ("feed", "due_real", "state IN ('due', 'leased') AND due_real <= :machine"),
}
_BUSINESS_TIME = frozenset({"timers", "outbox"})

# Work older than this many seconds of machine time is said to lag.
LAG = 60.0

# Kind -> (table, which rows have stopped until somebody looks at them). Each has an index of just these rows.
_STOPPED = {
    "quarantined": ("inbox", "state = 'quarantined'"),
    "poison": ("inbox", "state = 'poison'"),
    "messages_failed": ("outbox", "state = 'failed' AND created_at > :since"),
    "fetches_failed": ("fetches", "state = 'failed'"),
    "records_refused": ("sync_state", "state = 'failed'"),
    "events_refused": ("feed", "state = 'refused'"),
}
# Messages that failed longer ago than this (business time) are history.
_RECENT = timedelta(days=7)
# Nobody counts further: it is a lot.
_MOST = 10_000

_STATEMENT = text(
    " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, coalesce(sum(found.rows), 0) AS rows, min(found.oldest) AS oldest "  # noqa: S608
        f"FROM shops CROSS JOIN LATERAL (SELECT count(*) AS rows, min({since}) AS oldest FROM {table} "
        f"WHERE {table}.shop_id = shops.id AND {condition}) AS found"
        for kind, (table, since, condition) in _KINDS.items()
    )
)
_STOPPED_STATEMENT = text(
    " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, count(*) AS rows FROM (SELECT 1 FROM shops CROSS JOIN LATERAL "  # noqa: S608
        f"(SELECT 1 FROM {table} WHERE {table}.shop_id = shops.id AND {condition} LIMIT {_MOST}) AS one "
        f"LIMIT {_MOST}) AS found"
        for kind, (table, condition) in _STOPPED.items()
    )
)


@dataclass(frozen=True)
class Waiting:
    """``count`` rows wait, the oldest for ``age`` seconds (0 when none does)."""

    count: int
    age: float


def lagging(waiting: Mapping[str, Waiting], rate: float) -> list[str]:
    """The kinds that lag. ``rate``: business seconds that pass in one real second."""
    allowed = {kind: LAG * max(rate, 1.0) if kind in _BUSINESS_TIME else LAG for kind in waiting}
    return sorted(kind for kind, found in waiting.items() if found.age > allowed[kind])


def read(connection: Connection, now: datetime, machine: datetime) -> dict[str, Waiting]:
    """Every kind of work with what waits. ``now`` is business time, ``machine`` real time."""
    found = {}
    for row in connection.execute(_STATEMENT, {"now": now, "machine": machine}):
        at = now if row.kind in _BUSINESS_TIME else machine
        age = max(0.0, (at - row.oldest).total_seconds()) if row.oldest else 0.0
        found[row.kind] = Waiting(int(row.rows), round(age, 3))
    return found


def stopped(connection: Connection, now: datetime) -> dict[str, int]:
    """Every kind of work with how much has stopped, counted up to 10,000. ``now`` is business time."""
    return {row.kind: row.rows for row in connection.execute(_STOPPED_STATEMENT, {"since": now - _RECENT})}
