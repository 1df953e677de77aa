"""A shop with years behind it: what the pages of the admin read beside the people who wait inside flows.

For each of the ``people`` of ``due_steps_crowd``: five events, an order, an email that was sent with its attempt, four
lines of trail and decisions, a delivery, and for some of them what staff look after: failures, tasks, syncs, codes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from benchmarks.due_steps_crowd import PRODUCTS
from benchmarks.progress import say
from connector.db import partitions
from connector.db.session import transaction
from connector.shops import Shop

DAYS = 60
"""Over so many days before now it is spread."""


def remember(engine: Engine, shop: Shop, people: int, now: datetime) -> None:
    """Write the history of people who are numbered from 1."""
    with transaction(engine) as connection:
        for days in range(0, DAYS + 31, 15):
            partitions.ensure(connection, now - timedelta(days=days))
    given = {"shop": shop.id, "people": people, "now": now, "days": DAYS, "products": PRODUCTS}
    for name, statement in _STATEMENTS.items():
        say(f"{people} people: {name}")
        with transaction(engine) as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL synchronous_commit = off"))
            connection.execute(text(statement), given)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _tidy(connection)


def _tidy(connection: Connection) -> None:
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("VACUUM ANALYZE"))
    connection.execute(text("CHECKPOINT"))


# A moment of the last days for the n-th; the newest have the highest numbers.
_AT = "(CAST(:now AS timestamptz) - (1 - CAST(n AS float8) / (:people + 1)) * :days * interval '1 day')"
_FLOW = "CASE WHEN n % 2 = 0 THEN 'bench-cart' ELSE 'bench-news' END"
_MESSAGE = "CASE WHEN n % 2 = 0 THEN 'second-look' ELSE 'story' END"
_RUN = "md5('earlier run' || :shop || '-' || n)::uuid"

_STATEMENTS = {
    "identities": """
INSERT INTO identities (shop_id, kind, value, person_id, since)
SELECT :shop, kind, CASE kind WHEN 'email' THEN 'customer-' || n || '@example.com' ELSE CAST(1000000 + n AS text) END,
    n, :now
FROM generate_series(1, :people) AS n CROSS JOIN (VALUES ('email'), ('customer')) AS kinds (kind)
""",
    "consent": f"""
INSERT INTO consent_ledger (shop_id, person_id, channel, purpose, state, level, source, evidence_at, recorded_at,
    verdict)
SELECT :shop, n, 'email', 'newsletter', 'subscribed', 'single_opt_in', 'shopify', {_AT}, {_AT}, 'applied'
FROM generate_series(1, :people) AS n
""",
    "orders": f"""
INSERT INTO orders (shop_id, id, name, person_id, customer_id, email, currency, total, financial_status, items,
    discount_codes, test, created_at, source_updated_at)
SELECT :shop, n, '#' || n, n, 1000000 + n, 'customer-' || n || '@example.com', 'EUR', 60, 'paid',
    jsonb_build_array(jsonb_build_object('product_id', n % :products + 1, 'title', 'Tea', 'quantity', 2)), '[]', false,
    {_AT}, {_AT}
FROM generate_series(1, :people) AS n
""",
    "what people have bought": f"""
UPDATE persons SET orders_count = 1, total_spent = 60, first_order_at = bought.at, last_order_at = bought.at
FROM (SELECT n, {_AT} AS at FROM generate_series(1, :people) AS n) AS bought
WHERE persons.shop_id = :shop AND persons.id = bought.n
""",
    "events": f"""
INSERT INTO events (shop_id, id, occurred_at, name, subject, key, person_id, source, historical, props, received_at)
SELECT :shop, md5('event' || n || name)::uuid, {_AT} + place * interval '1 hour', name, 'customer:' || 1000000 + n,
    CASE WHEN name = 'product_viewed' THEN CAST(n % :products AS text) END, n, 'shopify', false,
    jsonb_build_object('total', '60.00', 'currency', 'EUR', 'email', 'customer-' || n || '@example.com'), {_AT}
FROM generate_series(1, :people) AS n
CROSS JOIN (VALUES ('customer_created', 1), ('product_viewed', 2), ('checkout_updated', 3), ('message_opened', 4),
    ('order_placed', 5)) AS told (name, place)
""",
    "earlier runs": f"""
INSERT INTO runs (shop_id, id, flow, version, person_id, key, state, outcome, position, entered_at, anchor_at, ended_at)
SELECT :shop, {_RUN}, {_FLOW}, 1, n, 'earlier' || n, 'done', 'completed', '{{"at": null}}', {_AT}, {_AT},
    {_AT} + interval '1 day'
FROM generate_series(1, :people) AS n
""",
    "messages": f"""
INSERT INTO outbox (shop_id, key, run_id, flow, version, person_id, step, channel, message, purpose, priority, state,
    reason, created_at, due_at, deadline, deferrals, attempts, subject, recipient_digest, provider_message_id, sent_at,
    delivered_at, opened_at, clicked_at, reported)
SELECT :shop, 'earlier' || n, {_RUN}, {_FLOW}, 1, n, {_MESSAGE}, 'email', {_MESSAGE}, 'marketing', 50,
    CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 20 = 0 THEN 'skipped' ELSE 'sent' END,
    CASE WHEN n % 50 = 0 THEN 'refused' WHEN n % 20 = 0 THEN 'cap' END, {_AT}, {_AT}, {_AT} + interval '5 days', 0, 1,
    'Hello', md5('address' || n), '<' || n || '@example>', CASE WHEN n % 20 <> 0 AND n % 50 <> 0 THEN {_AT} END,
    CASE WHEN n % 20 <> 0 AND n % 50 <> 0 THEN {_AT} END, CASE WHEN n % 3 = 1 AND n % 20 <> 0 THEN {_AT} END,
    CASE WHEN n % 12 = 1 AND n % 20 <> 0 THEN {_AT} END, 'delivered'
FROM generate_series(1, :people) AS n
""",
    "attempts": """
INSERT INTO attempts (shop_id, outbox_id, n, outbox_created_at, started_real, ended_real, result, status, detail)
SELECT shop_id, id, 1, created_at, created_at, created_at, 'accepted', 201, '{}' FROM outbox WHERE shop_id = :shop
""",
    "trail": f"""
INSERT INTO trail (shop_id, person_id, run_id, flow, step, at, code, detail)
SELECT :shop, n, {_RUN}, {_FLOW}, step, {_AT}, code, '{{}}'
FROM generate_series(1, :people) AS n
CROSS JOIN (VALUES ('', 'entered'), ('wait', 'waiting'), ('second-look', 'sent'), ('', 'completed'))
    AS said (step, code)
""",
    "decisions": f"""
INSERT INTO decisions (shop_id, person_id, at, ordinal, stimulus, facts)
SELECT :shop, n, {_AT}, 0, '{{}}', '{{}}' FROM generate_series(1, :people) AS n
""",
    "copies": """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, reason)
SELECT :shop, 'contact', n, 1, 1, CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'done' END, :now, 0,
    CASE WHEN n % 100 = 0 THEN '400 invalid' END
FROM generate_series(1, :people) AS n
""",
    "what Brevo was told": f"""
INSERT INTO feed (shop_id, person_id, event_id, name, body, state, due_real, attempts, reason)
SELECT :shop, n, md5('event' || n || 'order_placed')::uuid, 'order_placed', '{{}}',
    CASE WHEN n % 100 = 0 THEN 'refused' ELSE 'sent' END, {_AT}, 1, NULL
FROM generate_series(1, :people) AS n
""",
    "deliveries": f"""
INSERT INTO inbox (shop_id, received_at, received_real, source, topic, external_id, lane, state, raw, headers, attempts,
    reason)
SELECT :shop, {_AT}, {_AT}, 'shopify', 'orders/create', 'delivery' || n, 'commerce',
    CASE WHEN n % 1000 = 0 THEN 'quarantined' ELSE 'done' END, '{{}}', '{{}}', 1, NULL
FROM generate_series(1, :people) AS n
""",
    "acts": f"""
INSERT INTO audit_log (shop_id, at, actor, act, object_kind, object_id, detail)
SELECT :shop, {_AT}, 'staff:1', 'person.reveal', 'person', n, '{{}}' FROM generate_series(1, :people, 5) AS n
""",
    "tasks": f"""
INSERT INTO tasks (shop_id, outbox_id, person_id, run_id, flow, step, title, details, due_at, state, made_at)
SELECT :shop, n, n, {_RUN}, {_FLOW}, 'call', 'Call them', 'About the tea', {_AT},
    CASE WHEN n % 3 = 0 THEN 'open' ELSE 'done' END, {_AT}
FROM generate_series(1, :people, 5) AS n
""",
    "codes": f"""
INSERT INTO coupons (shop_id, code, variant, state, outbox_id, person_id, run_id, flow, name, terms, ends_at,
    created_at, given_at)
SELECT :shop, 'TEA-' || n, 0, 'made', n, n, {_RUN}, {_FLOW}, 'offer', '{{"amount": "5.00"}}', :now, {_AT}, {_AT}
FROM generate_series(1, :people, 5) AS n
""",
    "conflicts": f"""
INSERT INTO identity_conflicts (shop_id, kind, value, person_id, other_id, noted_at)
SELECT :shop, 'phone', '+4915' || n, n, n + 1, {_AT} FROM generate_series(1, :people - 1, 100) AS n
""",
    "what orders are owed to": """
INSERT INTO attributions (shop_id, order_id, person_id, outbox_id, flow, version, step, message, channel, touch,
    touched_at, placed_at, currency, amount, refunded, revenue)
SELECT :shop, person_id, person_id, id, flow, 1, step, message, 'email', 'clicked', clicked_at, clicked_at, 'EUR',
    60, 0, 60
FROM outbox WHERE shop_id = :shop AND clicked_at IS NOT NULL
""",
    "alerts": f"""
INSERT INTO alerts (shop_id, kind, subject, sentence, detail, tone, raised_at, found_at, cleared_at, mail_tries)
SELECT :shop, 'stopped', CAST(n AS text), 'Something stopped.', '{{}}', 'warning', {_AT}, {_AT},
    CASE WHEN n < :people - 20 THEN {_AT} END, 0
FROM generate_series(1, :people, 100) AS n
""",
    "what the merchant's systems were told": f"""
WITH made AS (
    INSERT INTO webhook_endpoints (shop_id, url, description, events, include_person, secret, state, created_at)
    VALUES (:shop, 'https://erp.example/', '', '{{order_placed}}', false, '', 'active', :now) RETURNING id
), told AS (
    INSERT INTO webhook_deliveries (shop_id, endpoint_id, event_id, occurred_at, state, made_real, due_real, attempts,
        tries)
    SELECT :shop, made.id, md5('event' || n || 'order_placed')::uuid, {_AT},
        CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'delivered' END, {_AT}, {_AT}, 1, 1
    FROM made CROSS JOIN generate_series(1, :people, 5) AS n RETURNING id
)
INSERT INTO webhook_attempts (shop_id, delivery_id, n, started_real, milliseconds, status, answer)
SELECT :shop, id, 1, :now, 9, 200, '' FROM told
""",
    "a sync": """
WITH made AS (
    INSERT INTO sync_runs (shop_id, entity, what, state, asked_by, total, done, changed, unchanged, failed, read_all,
        due_real, attempts, asked_at)
    SELECT :shop, 'contact', '{"since": "2026-01-01"}', 'done', 'staff:1', :people, :people, 0, :people, 0, true, :now,
        0, :now
    FROM generate_series(1, greatest(:people / 1000, 1)) RETURNING id
)
INSERT INTO sync_run_failures (shop_id, run_id, record_id, stage, reason, failed_at)
SELECT :shop, (SELECT max(id) FROM made), n, 'brevo', '400 invalid', :now FROM generate_series(1, :people, 10) AS n
""",
    # Under way: what Brevo is still to be told of is all that it has brought.
    "a backfill": """
WITH made AS (
    INSERT INTO backfills (shop_id, state, kinds, asked_by, asked_at, started_at, started_real)
    VALUES (:shop, 'running', '{customers,orders}', 'staff:1', :now, :now, :now) RETURNING id
), part AS (
    INSERT INTO backfill_parts (shop_id, backfill_id, kind, place, state, records_expected, bytes_done, lines_done,
        done, created, changed, unchanged, failed, left_out, applied_seconds, calls, polls, pages, due_real, claim,
        attempts)
    SELECT :shop, made.id, 'orders', 3, 'applying', 2 * :people, 0, 0, :people, :people, 0, 0, 1, 0, 60, 1, 1, 0, :now,
        0, 0
    FROM made
)
INSERT INTO backfill_failures (shop_id, backfill_id, kind, record_id, reason, failed_at)
SELECT :shop, made.id, 'orders', n, 'cannot be applied', :now
FROM made CROSS JOIN generate_series(1, least(:people, 1000)) AS n
""",
    "what it has still to tell": """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, quiet)
SELECT :shop, 'order', n, 1, 0, 'due', :now, 0, true FROM generate_series(1, :people) AS n
""",
}  # noqa: S608  of the constants above only
