"""People who wait inside flows: every second one in a cart flow, the others in one that starts with the newsletter.

All that deciding about them reads is there: their consent, a checkout of two lines, what they were sent before. Whose
turn it is comes to be due by ``make_due``; what is due in the cart flow leads to an email, so the gate is asked, and in
the other to a condition, a split and the next wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, text

from connector.db.session import transaction
from connector.shops import Shop
from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import Entered, Event, FlowVersion, Run
from flows.definition_files import compile_texts
from flows.engine.publish import publish

# A Monday noon: nobody's quiet hours.
START = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PRODUCTS = 1_000
_CART = """
flow: bench-cart
name: Cart
trigger: {on: checkout_abandoned, after: 1h, key: event.checkout_token}
reentry: {after: 1d}
priority: 80
cap: own
goal: {on: order_placed, match: event.checkout_token, within: 30d}
exit: [order_placed, checkout_completed, checkout_deleted, cart_cleared, unsubscribed]
steps:
  - wait: 1d
  - when: {event.total: {gte: 50}}
    then: [{email: second-look}]
  - wait: 2d
  - email: last-chance
"""
_NEWS = """
flow: bench-news
name: News
trigger: {on: newsletter_subscribed}
audience: {person.orders_count: {lt: 5}}
reentry: never
goal: {on: order_placed, within: 30d}
exit: [order_placed, unsubscribed]
steps:
  - wait: 1d
  - when: {person.orders_count: {gte: 3}}
    then: [{email: thanks}]
  - split: {name: pace, shares: {slow: 50, quick: 50}, arms: {slow: [{wait: 2d}], quick: [{wait: 1d}]}}
  - email: story
"""
_MESSAGE = """---
subject: Hello {{ person.first_name }}
purpose: marketing
deadline: 5d
---
<p>Hello {{ person.first_name }}, your tea is here: {{ shop.url }}</p>
"""
_SOMEBODY = UUID("00000000-0000-4000-8000-000000000000")
_FACTS = {
    "person": {"seed": str(_SOMEBODY), "orders_count": 1},
    "shop": {"timezone": "UTC"},
    "flows": {"live_tags": []},
}


@dataclass(frozen=True)
class Crowd:
    """``people`` of a shop, numbered from 1; ``turns`` gives some who have not had theirs yet, in no order."""

    shop: Shop
    people: int
    turns: Iterator[int]

    def some(self, count: int) -> list[int]:
        """Raises RuntimeError when everybody has had a turn."""
        chosen = [number for number, _ in zip(self.turns, range(count), strict=False)]
        if len(chosen) < count:
            raise RuntimeError("everybody has had a turn: more rows are needed")
        return chosen


def gather(engine: Engine, shop: Shop, people: int, now: datetime, *, tidy: bool = True) -> Crowd:
    """So many people inside the two flows, all waiting for a moment of the next thirty days."""
    with transaction(engine) as connection:
        flows = [_published(connection, shop, text, now) for text in (_CART, _NEWS)]
    given: dict[str, Any] = {"shop": shop.id, "people": people, "now": now, "products": PRODUCTS}
    for flow in flows:
        name = flow.flow.rpartition("-")[2]
        run = _parked(flow, now)
        given |= {
            f"{name}_position": orjson.dumps(run.position()).decode(),
            f"{name}_step": run.at,
            f"{name}_visit": run.visit,
        }
    for statement in _FILL:
        with transaction(engine) as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(statement), given)
    if tidy:
        _tidy(engine)
    order = list(range(1, people + 1))
    Random(people).shuffle(order)
    return Crowd(shop, people, iter(order))


def _tidy(engine: Engine) -> None:
    """As autovacuum leaves tables that nobody writes to for a while."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _published(connection: Connection, shop: Shop, definition: str, now: datetime) -> FlowVersion:
    names = ("second-look", "last-chance", "thanks", "story")
    folder = compile_texts(definition, {name: _MESSAGE for name in names if name in definition}, "flow.yaml")
    publish(connection, shop.id, folder, now, status="active")
    return folder.flow


def _parked(flow: FlowVersion, now: datetime) -> Run:
    """Somebody's run of this flow as it stands at its first wait."""
    token = str(_SOMEBODY)
    told = {"checkout_token": token, "total": "60.00", "currency": "EUR", "anchor_at": now.isoformat()}
    event = Event(_SOMEBODY, flow.trigger.on, now, f"checkout:{token}", token, 1, told)
    run = enrol(flow, event, [], [], _FACTS, now)
    assert isinstance(run, Run), run
    parked = advance(flow, run, Entered(), _FACTS, now).run
    # The run's own id is written where its token has it.
    waiting = parked.waiting
    assert waiting is not None
    return Run.restore(
        **{name: getattr(parked, name) for name in _COLUMNS},
        position=orjson.loads(orjson.dumps(parked.position()).replace(str(run.id).encode(), token.encode())),
    )


_COLUMNS = ("id", "flow", "version", "person_id", "key", "state", "outcome", "entered_at", "anchor_at")


def make_due(connection: Connection, crowd: Crowd, chosen: Sequence[int], first: datetime, last: datetime) -> None:
    """The waits of these people end, evenly spread between the two moments, in no order of theirs."""
    span = (last - first) / max(1, len(chosen))
    given = {
        "shop": crowd.shop.id,
        "persons": list(chosen),
        "moments": [first + place * span for place in range(len(chosen))],
    }
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(_MAKE_DUE, given)


def buys(connection: Connection, crowd: Crowd, chosen: Sequence[int], now: datetime, nth: int = 1) -> None:
    """Each of these people has placed their nth order: an event that is not decided yet, and the mark of an exit."""
    connection.execute(_BUY, {"shop": crowd.shop.id, "persons": list(chosen), "now": now, "nth": nth})


def left_due(connection: Connection, crowd: Crowd, now: datetime) -> int:
    """How many waits have ended and were not acted on."""
    given = {"shop": crowd.shop.id, "now": now}
    return int(connection.scalar(_LEFT, given) or 0)


def left_undecided(connection: Connection, crowd: Crowd) -> int:
    return int(connection.scalar(_UNDECIDED, {"shop": crowd.shop.id}) or 0)


def bytes_per_run(connection: Connection) -> dict[str, float]:
    """What a run that waits takes on disk, with all indexes: the run, its timer and its goal."""
    tables = ("runs", "timers", "goal_watches")
    found = {name: connection.execute(_SIZE, {"name": name}).one() for name in tables}
    rows = connection.scalar(text("SELECT count(*) FROM runs")) or 1
    each = {name: round(row.whole / rows, 1) for name, row in found.items()}
    indexes = {f"{name}_indexes": round(row.indexes / rows, 1) for name, row in found.items()}
    return {"whole": round(sum(each.values()), 1), **each, **indexes}


_SIZE = text(
    "SELECT pg_total_relation_size(CAST(:name AS regclass)) AS whole,"
    " pg_indexes_size(CAST(:name AS regclass)) AS indexes"
)
_LEFT = text("SELECT count(*) FROM timers WHERE shop_id = :shop AND due_at <= :now")
_UNDECIDED = text("SELECT count(*) FROM pending_events WHERE shop_id = :shop")
_MAKE_DUE = text(
    """
UPDATE timers SET due_at = chosen.due_at
FROM unnest(CAST(:persons AS bigint[]), CAST(:moments AS timestamptz[])) AS chosen (person_id, due_at)
WHERE timers.shop_id = :shop AND timers.person_id = chosen.person_id AND timers.kind = 'run'
"""
)
_BUY = text(
    """
WITH chosen AS (
    SELECT person_id, md5('order' || :nth || '-' || person_id)::uuid AS event_id, md5('token' || person_id) AS token
    FROM unnest(CAST(:persons AS bigint[])) AS chosen (person_id)
), told AS (
    INSERT INTO events (shop_id, id, occurred_at, name, subject, key, person_id, source, historical, props, received_at)
    SELECT :shop, event_id, :now, 'order_placed', 'order:' || :nth || person_id, token, person_id, 'shopify', false,
        jsonb_build_object('order_id', :nth * 10000000 + person_id, 'total', '60.00', 'currency', 'EUR',
            'checkout_token', token), :now
    FROM chosen
), marked AS (
    INSERT INTO exit_marks (shop_id, event_id, name, person_id, key, occurred_at, marked_at)
    SELECT :shop, event_id, 'order_placed', person_id, token, :now, :now FROM chosen
), waiting AS (
    INSERT INTO pending_events (shop_id, person_id, event_id, occurred_at)
    SELECT :shop, person_id, event_id, :now FROM chosen
)
UPDATE person_work SET pending = true FROM chosen
WHERE person_work.shop_id = :shop AND person_work.person_id = chosen.person_id
"""
)
_RUN = "md5('run' || :shop || '-' || n)::uuid"
# Of somebody with an even number the cart flow, of the others the other one.
_FILL = (
    """
INSERT INTO persons (shop_id, id, seed, email, first_name, last_name, locale, country, city, timezone, customer_id,
    tags, orders_count, total_spent, version, created_at)
SELECT :shop, n, md5('seed' || n)::uuid, 'customer-' || n || '@example.com', 'First ' || n % 1000, 'Last ' || n % 5000,
    'en', 'US', 'Springfield', 'UTC', 1000000 + n, '[]', n % 3, n % 200, 1, :now
FROM generate_series(1, :people) AS n
""",
    """
INSERT INTO person_work (shop_id, person_id, pending, since_real)
SELECT :shop, n, false, :now FROM generate_series(1, :people) AS n
""",
    """
INSERT INTO consents (shop_id, person_id, channel, purpose, state, level, source, evidence_at)
SELECT :shop, n, 'email', 'newsletter', 'subscribed', 'single_opt_in', 'shopify', :now
FROM generate_series(1, :people) AS n
""",
    """
INSERT INTO products (shop_id, id, title, handle, url, image_url)
SELECT :shop, n, 'Tea number ' || n, 'tea-' || n, 'https://teahouse.example/products/tea-' || n,
    'https://teahouse.example/' || n || '.jpg'
FROM generate_series(1, :products) AS n
""",
    """
INSERT INTO checkouts (shop_id, token, cart_token, person_id, email, currency, total, recovery_url, items, created_at,
    source_updated_at)
SELECT :shop, md5('token' || n), md5('cart' || n), n, 'customer-' || n || '@example.com', 'EUR', 60,
    'https://teahouse.example/recover/' || n,
    jsonb_build_array(
        jsonb_build_object('product_id', n % :products + 1, 'variant_id', n, 'title', 'Tea', 'variant_title', '100 g',
            'quantity', 1, 'price', '30.00', 'line_price', '30.00', 'sku', 'TEA-1'),
        jsonb_build_object('product_id', n * 7 % :products + 1, 'variant_id', n, 'title', 'Tea', 'variant_title',
            '200 g', 'quantity', 1, 'price', '30.00', 'line_price', '30.00', 'sku', 'TEA-2')),
    :now, :now
FROM generate_series(2, :people, 2) AS n
""",
    """
INSERT INTO send_ledger (shop_id, outbox_id, person_id, run_id, flow, channel, purpose, cap, counted_at)
SELECT :shop, -n, n, md5('before' || n)::uuid, 'earlier', 'email', 'marketing', 'own',
    CAST(:now AS timestamptz) - interval '3 days'
FROM generate_series(1, :people) AS n
""",
    f"""
INSERT INTO runs (shop_id, id, flow, version, person_id, key, state, position, entered_at, anchor_at)
SELECT :shop, {_RUN}, CASE WHEN n % 2 = 0 THEN 'bench-cart' ELSE 'bench-news' END, 1, n,
    CASE WHEN n % 2 = 0 THEN md5('token' || n) ELSE '' END, 'live',
    CAST(replace(
        CASE WHEN n % 2 = 0
            THEN replace(:cart_position, '"checkout_token":"{_SOMEBODY}"',
                '"checkout_token":"' || md5('token' || n) || '"')
            ELSE :news_position END,
        '{_SOMEBODY}', CAST({_RUN} AS text)) AS jsonb),
    :now, :now
FROM generate_series(1, :people) AS n
""",
    f"""
INSERT INTO timers (shop_id, kind, owner, key, person_id, due_at, token, payload)
SELECT :shop, 'run', CAST({_RUN} AS text), 'wait', n,
    CAST(:now AS timestamptz) + interval '1 day' + (CAST(n AS bigint) * 7919 % 2505600) * interval '1 second',
    CASE WHEN n % 2 = 0 THEN :cart_step ELSE :news_step END || ':'
        || CASE WHEN n % 2 = 0 THEN :cart_visit ELSE :news_visit END,
    '{{}}'
FROM generate_series(1, :people) AS n
""",
    f"""
INSERT INTO goal_watches (shop_id, run_id, flow, version, person_id, event, match, opened_at, expires_at)
SELECT :shop, {_RUN}, CASE WHEN n % 2 = 0 THEN 'bench-cart' ELSE 'bench-news' END, 1, n, 'order_placed',
    CASE WHEN n % 2 = 0 THEN md5('token' || n) END, :now, CAST(:now AS timestamptz) + interval '30 days'
FROM generate_series(1, :people) AS n
""",
)  # noqa: S608  of the constants above only
