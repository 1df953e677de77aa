"""What is due, by query: the answer to every lost bell, killed worker and emptied Redis.

Each kind of work has one query that names the shops with something to do; the clock process asks them on every
tick and rings. Two clock processes are harmless: ringing twice is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import Connection, TextClause, text

from connector.chains import IDLE_SECONDS
from connector.clock import Clock
from connector.shop_states import states_for

BEGINNING = datetime.min.replace(tzinfo=UTC)
_PAUSED = (
    "EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = shops.id"
    " AND paused.channel = 'account' AND paused.probe_real > :machine)"
)


def _quiet(*entities: str) -> str:
    """What only quiet scopes have wished for, of these kinds: found by its index however much there is of each."""
    kinds = ", ".join(f"('{entity}')" for entity in entities)
    return (
        f"EXISTS (SELECT 1 FROM (VALUES {kinds}) AS kinds (entity) CROSS JOIN LATERAL ("  # noqa: S608
        "SELECT 1 FROM sync_state WHERE sync_state.shop_id = shops.id AND sync_state.entity = kinds.entity"
        " AND sync_state.state IN ('due', 'leased') AND quiet AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine) LIMIT 1) AS waiting)"
    )


_LIVE = (
    "EXISTS (SELECT 1 FROM sync_state WHERE sync_state.shop_id = shops.id"
    " AND sync_state.state IN ('due', 'leased') AND NOT quiet AND due_real <= :machine"
    " AND (lease_real IS NULL OR lease_real < :machine))"
)
_BULK, _OTHERS = _quiet("order", "product", "category"), _quiet("events", "store_consent", "double_opt_in", "loyalty")

# :now and :since are business time, :machine real time, :idle wire time. A shop hears the bell only in a state in which
# this work is done. Of what is looked for most often shop by shop is asked, so that a backlog is not gone through each
# time.
DUE: Mapping[str, str] = {
    "intake": (
        "SELECT DISTINCT shop_id FROM inbox WHERE state IN ('new', 'retry')"
        " AND (retry_real IS NULL OR retry_real <= :machine)"
    ),
    "fetch": (
        "SELECT id AS shop_id FROM shops WHERE EXISTS (SELECT 1 FROM fetches WHERE fetches.shop_id = shops.id"
        " AND fetches.state IN ('due', 'leased') AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine))"
    ),
    "flows": (
        "SELECT id AS shop_id FROM shops WHERE ("
        "SELECT true FROM person_work WHERE person_work.shop_id = shops.id AND pending LIMIT 1) IS NOT NULL"
        " OR (SELECT true FROM timers WHERE timers.shop_id = shops.id AND due_at <= :now AND due_at >= :since LIMIT 1)"
        " IS NOT NULL"
    ),
    "deliver": (
        "SELECT DISTINCT shop_id FROM outbox WHERE state = 'due' AND due_at <= :now"
        " AND (retry_real IS NULL OR retry_real <= :machine)"
        " AND NOT EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = outbox.shop_id"
        " AND paused.channel IN (outbox.channel, outbox.channel || ':' || outbox.purpose, 'account')"
        " AND paused.probe_real > :machine)"
        " UNION SELECT DISTINCT shop_id FROM outbox WHERE state IN ('leased', 'unknown') AND lease_real < :machine"
    ),
    "sync": f"SELECT id AS shop_id FROM shops WHERE ({_LIVE} OR {_OTHERS}) AND NOT {_PAUSED}",  # noqa: S608
    "bulk": f"SELECT id AS shop_id FROM shops WHERE {_BULK} AND NOT {_PAUSED}",  # noqa: S608
    # In bulk: imports, contacts that go by themselves, and those that are gathered while no import is under way.
    "imports": (
        "SELECT shop_id FROM ("
        "SELECT shop_id FROM contact_imports WHERE state IN ('forming', 'due', 'sent')"
        " AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
        " UNION SELECT shop_id FROM sync_state WHERE entity = 'contact' AND quiet AND state IN ('due', 'leased')"
        " AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
        " UNION SELECT id FROM shops WHERE EXISTS"
        " (SELECT 1 FROM sync_state WHERE sync_state.shop_id = shops.id AND sync_state.state = 'gathering')"
        " AND NOT EXISTS (SELECT 1 FROM contact_imports AS open WHERE open.shop_id = shops.id"
        " AND open.state IN ('forming', 'due', 'sent'))"
        ") AS bulk WHERE NOT EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = bulk.shop_id"
        " AND paused.channel = 'account' AND paused.probe_real > :machine)"
    ),
    "reconcile": (
        "SELECT shops.id AS shop_id FROM shops WHERE EXISTS (SELECT 1 FROM reconcile_passes AS pass"
        " WHERE pass.shop_id = shops.id AND pass.due_at <= :now"
        " AND (pass.lease_real IS NULL OR pass.lease_real < :machine))"
        " OR NOT EXISTS (SELECT 1 FROM reconcile_passes AS pass WHERE pass.shop_id = shops.id)"
        " OR EXISTS (SELECT 1 FROM gap_reports AS report WHERE report.shop_id = shops.id AND report.state = 'open'"
        " AND report.due_real <= :machine AND (report.lease_real IS NULL OR report.lease_real < :machine))"
    ),
    "profiles": (
        "SELECT shop_id FROM profile_passes WHERE due_at <= :now AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "reruns": (
        "SELECT DISTINCT shop_id FROM sync_runs WHERE state IN ('queued', 'running', 'stopping')"
        " AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "tokens": (
        "SELECT id AS shop_id FROM shops WHERE token_kind = 'expiring' AND token_stored_wire < :idle"
        " AND (token_lease_real IS NULL OR token_lease_real < :machine)"
        " UNION SELECT shop_id FROM brevo_grants WHERE stored_wire < :idle AND trouble IS NULL"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "privacy": (
        "SELECT DISTINCT shop_id FROM privacy_requests WHERE state IN ('due', 'leased') AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "survey": (
        "SELECT shop_id FROM brevo_surveys WHERE state = 'due' AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "reports": (
        "SELECT shops.id AS shop_id FROM shops WHERE (EXISTS (SELECT 1 FROM report_passes AS pass"
        " WHERE pass.shop_id = shops.id AND pass.due_at <= :now"
        " AND (pass.lease_real IS NULL OR pass.lease_real < :machine))"
        " OR NOT EXISTS (SELECT 1 FROM report_passes AS pass WHERE pass.shop_id = shops.id))"
        " AND NOT EXISTS (SELECT 1 FROM channel_pauses AS paused WHERE paused.shop_id = shops.id"
        " AND paused.channel = 'account' AND paused.probe_real > :machine)"
    ),
    "backfill": (
        "SELECT DISTINCT shop_id FROM backfill_parts AS part"
        " WHERE state IN ('waiting', 'running', 'copying', 'applying', 'paging')"
        " AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
        " AND (state NOT IN ('applying', 'paging') OR NOT EXISTS (SELECT 1 FROM backfill_parts AS earlier"
        " WHERE earlier.shop_id = part.shop_id AND earlier.backfill_id = part.backfill_id"
        " AND earlier.place < part.place"
        " AND earlier.state IN ('waiting', 'running', 'copying', 'applying', 'paging')))"
    ),
    # Of an endpoint that nobody calls just now and that is not left alone.
    "outgoing": (
        "SELECT DISTINCT shop_id FROM webhook_endpoints AS endpoint WHERE state = 'active'"
        " AND (lease_real IS NULL OR lease_real < :machine) AND (rest_real IS NULL OR rest_real <= :machine)"
        " AND EXISTS (SELECT 1 FROM webhook_deliveries AS delivery WHERE delivery.shop_id = endpoint.shop_id"
        " AND delivery.endpoint_id = endpoint.id AND delivery.state = 'due' AND delivery.due_real <= :machine)"
    ),
    "coupons": (
        "SELECT DISTINCT shop_id FROM coupon_pools WHERE state = 'due' AND due_real <= :machine"
        " AND (lease_real IS NULL OR lease_real < :machine)"
    ),
    "signals": (
        "SELECT shop_id FROM catalogue_signals WHERE state = 'due' AND due_real <= :machine"  # noqa: S608
        " UNION SELECT id FROM shops WHERE EXISTS (SELECT 1 FROM product_alerts WHERE product_alerts.shop_id = shops.id"
        " AND state = 'due' AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine))"
        f" AND NOT {_PAUSED}"
    ),
    "arming": "SELECT DISTINCT shop_id FROM armings WHERE state IN ('queued', 'running', 'stopping')",
    "schedules": "SELECT DISTINCT shop_id FROM schedules WHERE due_at <= :now",
    "alerts": (
        "SELECT id AS shop_id FROM shops WHERE NOT EXISTS (SELECT 1 FROM alert_looks AS look"
        " WHERE look.shop_id = shops.id AND (look.due_real > :machine OR look.lease_real >= :machine))"
        " OR EXISTS (SELECT 1 FROM alerts WHERE alerts.shop_id = shops.id AND mail = 'due'"
        " AND mail_due_real <= :machine)"
    ),
    "figures": (
        "SELECT id AS shop_id FROM shops WHERE NOT EXISTS"
        " (SELECT 1 FROM figure_passes AS pass WHERE pass.shop_id = shops.id AND pass.due_real > :machine)"
        " AND (EXISTS (SELECT 1 FROM figure_changes WHERE figure_changes.shop_id = shops.id)"
        " OR EXISTS (SELECT 1 FROM step_changes WHERE step_changes.shop_id = shops.id)"
        " OR EXISTS (SELECT 1 FROM attribution_marks WHERE attribution_marks.shop_id = shops.id)"
        " OR NOT EXISTS (SELECT 1 FROM figure_passes AS pass WHERE pass.shop_id = shops.id"
        " AND pass.marked_to IS NULL AND pass.week_at > :a_day_ago)"
        " OR NOT EXISTS (SELECT 1 FROM metric_passes AS pass WHERE pass.shop_id = shops.id"
        " AND pass.due_real > :machine AND (pass.began_at IS NOT NULL OR pass.counted_at > :a_day_ago)))"
    ),
    "closing": (
        "SELECT id AS shop_id FROM shops WHERE state = 'uninstalled'"
        " AND (EXISTS (SELECT 1 FROM runs WHERE runs.shop_id = shops.id AND runs.state = 'live')"
        " OR EXISTS (SELECT 1 FROM timers WHERE timers.shop_id = shops.id)"
        " OR EXISTS (SELECT 1 FROM outbox WHERE outbox.shop_id = shops.id AND outbox.state = 'due')"
        " OR EXISTS (SELECT 1 FROM armings WHERE armings.shop_id = shops.id"
        " AND armings.state IN ('queued', 'running', 'stopping'))"
        " OR brevo_webhook_digest <> '')"
    ),
}


def _quoted(names: frozenset[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


@cache
def _query(kinds: tuple[str, ...]) -> TextClause:
    return text(
        # Of this module's own texts only.
        " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, shop_id FROM ({DUE[kind]}) AS due_{kind}"  # noqa: S608
            f" JOIN shops ON shops.id = due_{kind}.shop_id AND shops.state IN ({_quoted(states_for(kind))})"
            for kind in kinds
        )
    )


def due(
    connection: Connection, clock: Clock, kinds: Iterable[str] = DUE, *, since: datetime = BEGINNING
) -> dict[str, list[int]]:
    """{kind: shop ids} of all work of these kinds that is due and held by nobody. Crosses shops, and only reads.

    ``since``: timers that were due before are not looked at. While another connection holds a snapshot, those that were
    acted on stay in the index, and each look from the beginning goes through all of them.
    """
    found: dict[str, list[int]] = {}
    now = clock.now()
    times = {
        "now": now,
        "a_day_ago": now - timedelta(days=1),
        "machine": clock.machine(),
        "idle": clock.wire() - IDLE_SECONDS,
        "since": since,
    }
    for row in connection.execute(_query(tuple(kinds)), times):
        found.setdefault(row.kind, []).append(row.shop_id)
    return found
