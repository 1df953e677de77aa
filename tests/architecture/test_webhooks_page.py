"""docs/webhooks.md against the registry, and against what a delivery of each topic really changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, insert, select, text

from connector import shops
from connector.db.schema import metadata
from connector.db.session import transaction
from connector.deps import Deps
from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.settings import Settings
from tests.architecture.project import PROJECT, by_first_code, codes, table_rows
from webhooks import process
from webhooks.topics import TOPICS

PAGE = PROJECT / "docs" / "webhooks.md"
# What the page says of all topics at once.
COMMON = {
    "events", "pending_events", "exit_marks", "feed", "persons", "identities", "person_work", "sync_state", "fetches",
}  # fmt: skip
# Not changed by applying a delivery: where it comes from.
_GIVEN = {"shops", "inbox", "inbox_keys"}


def rows() -> Mapping[str, list[str]]:
    return by_first_code(table_rows(PAGE, 5))


def test_every_topic_is_listed_with_its_source_and_lane() -> None:
    listed = {(row[1], name): row[2] for name, row in rows().items()}
    assert listed == {key: topic.lane for key, topic in TOPICS.items()}


def test_what_all_topics_may_change_is_listed() -> None:
    assert COMMON <= set(codes(PAGE.read_text(encoding="utf-8")))


# --- what they change

ADA = {"id": 7, "email": "ada@example.com", "first_name": "Ada", "phone": "+4915112345678"}
ITEM = {"product_id": 5, "variant_id": 6, "title": "Tea", "quantity": 1, "price": "9.50"}


@dataclass(frozen=True)
class Story:
    """Deliveries that come before, and those of the topic itself, which together change all that it can."""

    now: list[Mapping[str, Any]]
    before: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


def _stories(at: datetime) -> dict[str, Story]:
    early, late = (at - timedelta(hours=2)).isoformat(), at.isoformat()
    customer = {**ADA, "created_at": early, "updated_at": late}
    checkout = {
        "token": "c1", "cart_token": "k1", "email": ADA["email"], "customer": ADA, "buyer_accepts_marketing": True,
        "created_at": early, "updated_at": early, "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    emptied = {**checkout, "line_items": [], "total_price": "0.00", "updated_at": (at - timedelta(hours=1)).isoformat()}
    completed = {**checkout, "updated_at": late, "completed_at": late}
    order = {
        "id": 9, "email": ADA["email"], "customer": ADA, "checkout_token": "c1", "buyer_accepts_marketing": True,
        "created_at": late, "updated_at": late, "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    paid, cancelled = {**order, "financial_status": "paid"}, {**order, "cancelled_at": late}
    consent = {"state": "unsubscribed", "consent_updated_at": late}
    begun = [("checkouts/create", {**checkout, "buyer_accepts_marketing": False})]
    # Topics of one shape are applied alike: whichever arrives first tells what it knows.
    checkouts, orders = Story([checkout, emptied, completed]), Story([order, paid, cancelled], begun)
    told = {"email": ADA["email"], "X-Mailin-custom": "r:s:1:0", "ts_epoch": at.timestamp() * 1000}
    outcomes = (
        "request", "delivered", "opened", "proxy_open", "click", "soft_bounce", "deferred", "blocked", "error",
        "hard_bounce", "spam", "unsubscribed", "list_addition",
    )  # fmt: skip
    return {
        "customers/create": Story([customer]),
        "customers/update": Story([customer]),
        "customers_email_marketing_consent/update": Story(
            [{"customer_id": 7, "email_address": ADA["email"], "email_marketing_consent": consent}]
        ),
        "checkouts/create": checkouts,
        "checkouts/update": checkouts,
        "orders/create": orders,
        "orders/updated": orders,
        "orders/paid": orders,
        "orders/cancelled": orders,
        "transactional": Story([{**told, "event": name} for name in outcomes], [("customers/create", customer)]),
    }


@pytest.fixture
def deps(database_url: str) -> Iterator[Deps]:
    # Applying a delivery rings no bell: nothing listens on this Redis.
    given = {"CONNECTOR_ENV": "development", "DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    built = Deps.build(Settings.from_env({**given, "CONNECTOR_SECRET_KEYS": Fernet.generate_key().decode()}))
    yield built
    built.engine.dispose()


def connect(deps: Deps) -> shops.Shop:
    values = {
        "name": "A", "state": "active", "sender_email": "shop@example.com", "sender_name": "A", "timezone": "UTC",
        "currency": "EUR", "salt": b"s", "settings": {}, "brevo_webhook_digest": "",
    }  # fmt: skip
    with transaction(deps.engine) as connection:
        shop_id = shops.add(connection, "a.myshopify.com", values, deps.clock.now())
        return shops.load(connection, shop_id)


def deliver(deps: Deps, shop: shops.Shop, source: str, topic: str, body: Mapping[str, Any]) -> None:
    now = deps.clock.now()
    with transaction(deps.engine) as connection:
        connection.execute(
            insert(inbox).values(
                shop_id=shop.id, received_at=now, received_real=now, source=source, topic=topic, external_id="x",
                lane="other", state="new", raw=orjson.dumps(body), headers={}, attempts=0,
            )
        )  # fmt: skip
    process.handle_due(deps, shop)
    with transaction(deps.engine) as connection:
        states = connection.execute(select(inbox.c.state, inbox.c.reason).where(inbox.c.state != "done")).all()
    assert states == [], topic


def contents(engine: Engine) -> dict[str, str | None]:
    """A digest of every table."""
    with transaction(engine) as connection:
        return {
            name: connection.scalar(text(f"SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {name} t"))
            for name in metadata.tables
        }


def put_message(deps: Deps, shop: shops.Shop) -> None:
    """A message to the first person whose outcome nobody knows."""
    now = deps.clock.now()
    with transaction(deps.engine) as connection:
        person_id = connection.scalar(select(metadata.tables["persons"].c.id))
        connection.execute(
            insert(outbox).values(
                shop_id=shop.id, key="r:s:1:0", run_id=UUID(int=1), flow="welcome", version=1, person_id=person_id,
                step="s", channel="email", message="hello", purpose="marketing", priority=1, state="unknown",
                created_at=now, due_at=now, deadline=now, deferrals=0, attempts=1,
            )
        )  # fmt: skip


@pytest.mark.parametrize(("source", "topic"), list(TOPICS))
def test_what_a_topic_changes_is_what_the_page_says(deps: Deps, source: str, topic: str) -> None:
    shop = connect(deps)
    story = _stories(deps.clock.now())[topic]
    for name, body in story.before:
        deliver(deps, shop, "shopify", name, body)
    if source == "brevo":
        put_message(deps, shop)
    before = contents(deps.engine)
    with transaction(deps.engine) as connection:
        known = set(connection.scalars(select(events.c.id)))
    for body in story.now:
        deliver(deps, shop, source, topic, body)
    after = contents(deps.engine)
    changed = {name for name in after if before[name] != after[name]} - COMMON - _GIVEN
    with transaction(deps.engine) as connection:
        told = set(connection.scalars(select(events.c.name).where(events.c.id.not_in(known))))
    row = rows()[topic]
    assert changed == set(codes(row[3]))
    assert told == set(codes(row[4]))
