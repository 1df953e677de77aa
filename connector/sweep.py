"""What is due, by query: the answer to every lost bell, killed worker and emptied Redis.

Each kind of work has one query that names the shops with something to do; the clock process asks them on every
tick and rings. Two clock processes are harmless: ringing twice is.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from connector.clock import Clock
from connector.shops import states_for
from connector.tokens import IDLE_SECONDS

# :now is business time, :machine real time, :idle wire time. A shop hears the bell only in a state in which this work
# is done.
DUE: Mapping[str, str] = {
    "intake": (
        "SELECT DISTINCT shop_id FROM inbox WHERE state IN ('new', 'retry')"
        " AND (retry_real IS NULL OR retry_real <= :machine)"
    ),
    "fetch": (
        "SELECT DISTINCT shop_id FROM fetches WHERE state IN ('due', 'leased') AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "flows": (
        "SELECT DISTINCT shop_id FROM person_work WHERE pending"
        " UNION SELECT DISTINCT shop_id FROM timers WHERE due_at <= :now"
    ),
    "deliver": (
        "SELECT DISTINCT shop_id FROM outbox WHERE state = 'due' AND due_at <= :now"
        " AND (retry_real IS NULL OR retry_real <= :machine)"
        " AND NOT EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = outbox.shop_id"
        " AND paused.channel IN (outbox.channel, 'account') AND paused.probe_real > :machine)"
        " UNION SELECT DISTINCT shop_id FROM outbox WHERE state IN ('leased', 'unknown') AND lease_real < :machine"
    ),
    "sync": (
        "SELECT DISTINCT shop_id FROM sync_state WHERE state IN ('due', 'leased') AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
        " AND NOT EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = sync_state.shop_id"
        " AND paused.channel = 'account' AND paused.probe_real > :machine)"
    ),
    "catalogue": (
        "SELECT shops.id AS shop_id FROM shops LEFT JOIN catalogue_passes AS pass ON pass.shop_id = shops.id"
        " WHERE (pass.due_at IS NULL OR pass.due_at <= :now)"
        " AND (pass.lease_real IS NULL OR pass.lease_real < :machine)"
    ),
    "reruns": (
        "SELECT DISTINCT shop_id FROM sync_runs WHERE state IN ('queued', 'running', 'stopping')"
        " AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "tokens": (
        "SELECT id AS shop_id FROM shops WHERE token_kind = 'expiring' AND token_stored_wire < :idle"
        " AND (token_lease_real IS NULL OR token_lease_real < :machine)"
    ),
    "privacy": (
        "SELECT DISTINCT shop_id FROM privacy_requests WHERE state IN ('due', 'leased') AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "closing": (
        "SELECT id AS shop_id FROM shops WHERE state = 'uninstalled'"
        " AND (EXISTS (SELECT 1 FROM runs WHERE runs.shop_id = shops.id AND runs.state = 'live')"
        " OR EXISTS (SELECT 1 FROM timers WHERE timers.shop_id = shops.id)"
        " OR EXISTS (SELECT 1 FROM outbox WHERE outbox.shop_id = shops.id AND outbox.state = 'due'))"
    ),
}


def _quoted(names: frozenset[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


_ALL = text(
    # Of this module's own texts only.
    " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, shop_id FROM ({query}) AS due_{kind}"  # noqa: S608
        f" JOIN shops ON shops.id = due_{kind}.shop_id AND shops.state IN ({_quoted(states_for(kind))})"
        for kind, query in DUE.items()
    )
)


def due(connection: Connection, clock: Clock) -> dict[str, list[int]]:
    """{kind: shop ids} of all work that is due and held by nobody. Crosses shops, and only reads."""
    found: dict[str, list[int]] = {}
    times = {"now": clock.now(), "machine": clock.machine(), "idle": clock.wire() - IDLE_SECONDS}
    for row in connection.execute(_ALL, times):
        found.setdefault(row.kind, []).append(row.shop_id)
    return found
