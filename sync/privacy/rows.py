"""A person's rows in all tables: read for a bundle, removed or blanked by an erasure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, null, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.brevo.import_calls import ENDS_WITHIN
from connector.locks import lock_persons
from connector.models.person import persons, suppressions
from connector.outbox import idempotency_key
from connector.scope import Scope
from connector.suppression import address_digest
from sync.privacy import tombstones
from sync.privacy.field_map import FIELD_MAP
from sync.privacy.held import Blank, Delete, Held, Keep
from sync.privacy.traces import Traces

# Deliveries have a stage of their own, requests are emptied by what carries them out.
_OWN_RULES = frozenset({"privacy_requests", "inbox"})
# What has a place of its own in a bundle, and bundles that were made before.
_NOT_IN_A_BUNDLE = frozenset({"inbox", "person_exports"})


def read(
    connection: Connection, shop_id: int, traces: Traces, held: Iterable[Held] = FIELD_MAP
) -> dict[str, list[dict[str, Any]]]:
    """{table: rows} of everything that is found of the person, every column of it."""
    given = {"shop": shop_id, **traces.parameters()}
    found = {}
    for one in held:
        if one.found is None or one.name in _NOT_IN_A_BUNDLE:
            continue
        query = select(one.table).where(text(f"shop_id = :shop AND {one.found}")).order_by(*one.table.primary_key)
        rows = [dict(row) for row in connection.execute(query, given).mappings()]
        if rows:
            found[one.name] = rows
    return found


@dataclass(frozen=True)
class Unanswered:
    """``key``: by which the provider's log can be asked; ``since``: the day (YYYY-MM-DD) from which it may have it."""

    key: str
    since: str


@dataclass(frozen=True)
class Erased:
    """{table: rows} that went or were blanked, addresses that stay suppressed by channel, the messages that the
    provider knows by these ids, and until when (machine time) a call that began before may still be under way.
    ``unanswered``: messages that the provider may have taken without our having read its answer."""

    tables: dict[str, int]
    suppressed: dict[str, int]
    messages: tuple[str, ...]
    quiet_from: datetime
    unanswered: tuple[Unanswered, ...] = ()


def erase(scope: Scope, traces: Traces, held: Iterable[Held] = FIELD_MAP) -> Erased:
    """Everything of the person but the deliveries, in the scope's transaction.

    The caller holds the shop's NORMALISE lock. Takes the persons' locks, so that it is strictly before or after every
    decision and every claim of a message.
    """
    lock_persons(scope, traces.persons)
    given = {"shop": scope.shop_id, **traces.parameters()}
    connection = scope.connection
    messages = tuple(connection.scalars(_MESSAGES, given))
    unanswered = tuple(
        Unanswered(str(idempotency_key(row.key)), row.created_at.date().isoformat())
        for row in connection.execute(_UNANSWERED, given)
    )
    by = {**given, "imports_end": scope.machine + ENDS_WITHIN}
    leases = [lease for lease in connection.scalars(_LEASES, by) if lease is not None]
    suppressed = _suppress(scope, traces)
    tables = {}
    for one in held:
        if one.found is None or one.name in _OWN_RULES:
            continue
        mine = text(f"shop_id = :shop AND {one.found}")
        match one.fate:
            case Delete():
                done = connection.execute(delete(one.table).where(mine), given).rowcount
            case Blank(values=values):
                # None of a JSON column would be a JSON null.
                blank = {name: null() if value is None else value for name, value in values.items()}
                done = connection.execute(update(one.table).where(mine).values(blank), given).rowcount
            case Keep():
                done = 0
        if done:
            tables[one.name] = done
    connection.execute(
        update(persons)
        .where(persons.c.shop_id == scope.shop_id, persons.c.id.in_(traces.persons), persons.c.erased_at.is_(None))
        .values(erased_at=scope.now, version=persons.c.version + 1)
    )
    tombstones.write(scope, traces.names)
    # The provider's log knows a message a while after it was taken.
    logged = scope.machine + timedelta(seconds=scope.settings.unknown_settle_seconds if unanswered else 0.0)
    return Erased(tables, suppressed, messages, max([*leases, logged]), unanswered)


_MESSAGES = text(
    """
SELECT provider_message_id FROM outbox
WHERE shop_id = :shop AND person_id = ANY(CAST(:persons AS bigint[])) AND channel = 'email'
    AND provider_message_id IS NOT NULL
ORDER BY id
"""
)
_UNANSWERED = text(
    """
SELECT key, created_at FROM outbox
WHERE shop_id = :shop AND person_id = ANY(CAST(:persons AS bigint[])) AND channel = 'email'
    AND state IN ('leased', 'unknown') AND provider_message_id IS NULL
ORDER BY id
"""
)
# A call under way at Brevo is not begun anew after its lease (sync.copies.turn, flows.engine.dispatch).
_LEASES = text(
    """
SELECT lease_real FROM outbox
WHERE shop_id = :shop AND person_id = ANY(CAST(:persons AS bigint[])) AND state = 'leased'
UNION ALL
SELECT lease_real FROM sync_state
WHERE shop_id = :shop AND state = 'leased' AND (
    entity IN ('contact', 'events') AND entity_id = ANY(CAST(:persons AS bigint[]))
    OR entity = 'order' AND entity_id = ANY(CAST(:orders AS bigint[])))
UNION ALL
SELECT CAST(:imports_end AS timestamptz) FROM sync_state
WHERE shop_id = :shop AND entity = 'contact' AND import_id IS NOT NULL
    AND entity_id = ANY(CAST(:persons AS bigint[]))
"""
)


def _suppress(scope: Scope, traces: Traces) -> dict[str, int]:
    """Whoever opted out and comes back is not written to: the digest of the address stays. {channel: how many}."""
    kept: dict[str, int] = {}
    given = {"shop_id": scope.shop_id, "persons": list(traces.persons)}
    for row in scope.connection.execute(_OPTED_OUT, given):
        written = [value for value in _written(scope, traces, row.channel) if value]
        for address in written:
            scope.connection.execute(
                insert(suppressions)
                .values(
                    shop_id=scope.shop_id,
                    channel=row.channel,
                    address_digest=address_digest(scope.shop.salt, address),
                    reason="hard_bounce" if row.state == "undeliverable" else "unsubscribed",
                    since=row.since,
                )
                .on_conflict_do_nothing()
            )
        if written:
            kept[row.channel] = len(written)
    return kept


_OPTED_OUT = text(
    """
SELECT channel, max(evidence_at) AS since, min(state) AS state FROM consents
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
    AND state IN ('unsubscribed', 'undeliverable') AND purpose IN ('newsletter', channel)
GROUP BY channel ORDER BY channel
"""
)


def _written(scope: Scope, traces: Traces, channel: str) -> list[str]:
    """The addresses of this channel, as suppressions are asked for them."""
    if channel == "email":
        return traces.values("email")
    if channel not in ("sms", "whatsapp"):
        return []
    query = select(persons.c.phone).where(persons.c.shop_id == scope.shop_id, persons.c.id.in_(traces.persons))
    return sorted(set(scope.connection.scalars(query)) - {None})
