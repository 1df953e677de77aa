"""What waits to be done and what has stopped, over all shops or at one: how much of each kind and for how long.

Ages are seconds of the time that the rows live in: machine time for work and leases, business time for what
is due by the calendar (timers, messages).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, TextClause, text

from connector.clock import Clock
from connector.shop_states import states_for

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
MOST_OF_SHOP = 1000
"""Further nobody counts for the pages of one shop."""

# Kind -> the work that it waits for, where that is done while nothing is sent.
_WORK = {"inbox": "intake", "fetches": "fetch", "persons": "flows", "timers": "flows"}


def _of_shops(kind: str) -> str:
    """What waits for a shop to come back, or to get its Brevo account, does not lag."""
    states = states_for(_WORK.get(kind, "sync")) | {"paused"}
    return f" WHERE shops.state IN ({', '.join(repr(state) for state in sorted(states))})"


def _waiting(shops: str) -> TextClause:
    return text(
        " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, coalesce(sum(found.rows), 0) AS rows, min(found.oldest) AS oldest "  # noqa: S608
            f"FROM {shops} CROSS JOIN LATERAL (SELECT count(*) AS rows, min({since}) AS oldest FROM {table} "
            f"WHERE {table}.shop_id = shops.id AND {condition}) AS found{_of_shops(kind) if shops == 'shops' else ''}"
            for kind, (table, since, condition) in _KINDS.items()
        )
    )


# What the first rows of an index are the oldest by, so that a count that ends early knows how old the oldest is. Of the
# other kinds it is the oldest of those that were counted.
_OLDEST_FIRST = {
    "inbox": "id", "fetches": "due_real", "timers": "due_at", "outbox": "due_at", "outbox_unknown": "lease_real",
    "contacts": "due_real",
}  # fmt: skip


def _waiting_at_one() -> TextClause:
    """Of one shop, counted no further than to one more than ``MOST_OF_SHOP``."""
    return text(
        " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, count(*) AS rows, min(since) AS oldest FROM (SELECT {since} AS since "  # noqa: S608
            f"FROM {table} WHERE shop_id = :shop AND {condition}"
            f"{f' ORDER BY {_OLDEST_FIRST[kind]}' if kind in _OLDEST_FIRST else ''} LIMIT {MOST_OF_SHOP + 1}) AS found"
            for kind, (table, since, condition) in _KINDS.items()
        )
    )


def _stopped(shops: str, most: int = _MOST) -> TextClause:
    return text(
        " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, count(*) AS rows FROM (SELECT 1 FROM {shops} CROSS JOIN LATERAL "  # noqa: S608
            f"(SELECT 1 FROM {table} WHERE {table}.shop_id = shops.id AND {condition} LIMIT {most}) AS one "
            f"LIMIT {most}) AS found"
            for kind, (table, condition) in _STOPPED.items()
        )
    )


_ONE_SHOP = "(SELECT CAST(:shop AS BIGINT) AS id) AS shops"
_STATEMENT, _STATEMENT_OF_SHOP = _waiting("shops"), _waiting_at_one()
_STOPPED_STATEMENT, _STOPPED_STATEMENT_OF_SHOP = _stopped("shops"), _stopped(_ONE_SHOP, MOST_OF_SHOP + 1)


@dataclass(frozen=True)
class Waiting:
    """``count`` rows wait, the oldest for ``age`` seconds (0 when none does)."""

    count: int
    age: float


def lagging(waiting: Mapping[str, Waiting], rate: float) -> list[str]:
    """The kinds that lag. ``rate``: business seconds that pass in one real second."""
    allowed = {kind: LAG * max(rate, 1.0) if kind in _BUSINESS_TIME else LAG for kind in waiting}
    return sorted(kind for kind, found in waiting.items() if found.age > allowed[kind])


def waiting(connection: Connection, clock: Clock, shop_id: int) -> dict[str, Waiting]:
    """What waits at this shop now."""
    return read(connection, clock.now(), clock.machine(), shop_id)


def late(waiting: Mapping[str, Waiting], clock: Clock, times: float) -> dict[str, Waiting]:
    """What waits for ``times`` times as long as it takes to be said to lag."""
    younger = {kind: Waiting(one.count, one.age / times) for kind, one in waiting.items()}
    return {kind: waiting[kind] for kind in lagging(younger, clock.rate)}


def read(connection: Connection, now: datetime, machine: datetime, shop_id: int | None = None) -> dict[str, Waiting]:
    """Every kind of work with what waits, of all shops or of one, then counted up to one more than ``MOST_OF_SHOP``.
    ``now`` is business time, ``machine`` real time."""
    found = {}
    statement, which = (_STATEMENT, {}) if shop_id is None else (_STATEMENT_OF_SHOP, {"shop": shop_id})
    for row in connection.execute(statement, {"now": now, "machine": machine, **which}):
        at = now if row.kind in _BUSINESS_TIME else machine
        age = max(0.0, (at - row.oldest).total_seconds()) if row.oldest else 0.0
        found[row.kind] = Waiting(int(row.rows), round(age, 3))
    return found


def stopped(connection: Connection, now: datetime, shop_id: int | None = None) -> dict[str, int]:
    """Every kind of work with how much has stopped, of all shops counted up to 10,000, of one up to one more than
    ``MOST_OF_SHOP``. ``now`` is business time."""
    statement, which = (_STOPPED_STATEMENT, {}) if shop_id is None else (_STOPPED_STATEMENT_OF_SHOP, {"shop": shop_id})
    return {row.kind: row.rows for row in connection.execute(statement, {"since": now - _RECENT, **which})}
