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
from sqlalchemy import Engine, insert, select, text, update

from connector import shops
from connector.api import openapi
from connector.db.schema import metadata
from connector.db.session import transaction
from connector.deps import Deps
from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.sync import sync_state
from connector.settings import Settings
from sync import backfill
from sync.reports.words import SMS, WHATSAPP
from tests.architecture.project import PROJECT, by_first_code, codes, table_rows
from webhooks import process
from webhooks.topics import TOPICS
from webhooks.topics.api_events import topic_of
from webhooks.topics.api_payload import SCHEMAS
from webhooks.topics.orders import WHOLE
from webhooks.topics.returns import EVENTS as RETURNS

PAGE = PROJECT / "docs" / "webhooks.md"
# What the page says of all topics at once.
COMMON = {
    "events", "pending_events", "exit_marks", "feed", "persons", "identities", "person_work", "sync_state", "fetches",
    "figure_changes", "attribution_marks",
}  # fmt: skip
# Not changed by applying a delivery: where it comes from.
_GIVEN = {"inbox", "inbox_keys"}


def rows() -> Mapping[str, list[str]]:
    return by_first_code(table_rows(PAGE, 5))


def test_every_topic_is_listed_with_its_source_and_lane() -> None:
    listed = {(row[1], name): row[2] for name, row in rows().items()}
    assert listed == {key: topic.lane for key, topic in TOPICS.items()}


def test_what_all_topics_may_change_is_listed() -> None:
    assert COMMON <= set(codes(PAGE.read_text(encoding="utf-8")))


# --- what they change

ADA = {"id": 7, "email": "ada@example.com", "first_name": "Ada", "phone": "+4915112345678"}
_CUSTOMER = "gid://shopify/Customer/7"
OPERATION = "gid://shopify/BulkOperation/5"
ITEM = {"product_id": 5, "variant_id": 6, "title": "Tea", "quantity": 1, "price": "9.50"}


@dataclass(frozen=True)
class Story:
    """Deliveries that come before, and those of the topic itself, which together change all that it can."""

    now: list[Mapping[str, Any]]
    before: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


def _stories(at: datetime) -> dict[str, Story]:
    early, hour, late = at - timedelta(hours=2), at - timedelta(hours=1), at
    return {
        **_of_people(early.isoformat(), late.isoformat()),
        **_of_purchases(early.isoformat(), hour.isoformat(), late.isoformat()),
        **_of_goods(early.isoformat(), late.isoformat()),
        **_of_messages(at),
        **_of_other_systems(),
    }


def _of_people(early: str, late: str) -> dict[str, Story]:
    customer = {**ADA, "created_at": early, "updated_at": late}
    consent = {"state": "unsubscribed", "consent_updated_at": late}
    asked = {"customer": {"id": 7, "email": ADA["email"], "phone": ADA["phone"]}}
    return {
        "app/uninstalled": Story([{"myshopify_domain": None}]),
        "app/scopes_update": Story([{"current": ["read_orders"], "updated_at": late}]),
        "bulk_operations/finish": Story([{"admin_graphql_api_id": OPERATION}]),
        "customers/data_request": Story([asked]),
        "customers/redact": Story([asked]),
        "shop/redact": Story([{"shop_id": 1}]),
        "customers/create": Story([customer]),
        "customers/update": Story([customer]),
        **_of_records(customer, early, late),
        "customers_marketing_consent/update": Story(
            [{"id": 7, "phone": ADA["phone"], "sms_marketing_consent": consent}]
        ),
        "customers_whats_app_marketing_consent/update": Story(
            [
                {
                    "customer_id": 7,
                    "phone_number": ADA["phone"],
                    "whats_app_marketing_consent": {"state": "unsubscribed", "updated_at": late},
                }
            ]
        ),
        **{
            f"customer.tags_{what}": Story([{"customerId": _CUSTOMER, "tags": ["vip"], "occurredAt": late}])
            for what in ("added", "removed")
        },
        "customers/purchasing_summary": Story(
            [{"customerId": _CUSTOMER, "numberOfOrders": 3, "amountSpent": {"amount": "9.50"}, "occurredAt": late}]
        ),
        **{
            f"customer.{what}_segment": Story([{"customer_id": _CUSTOMER, "segment_id": "gid://shopify/Segment/3"}])
            for what in ("joined", "left")
        },
        "customers_email_marketing_consent/update": Story(
            [{"customer_id": 7, "email_address": ADA["email"], "email_marketing_consent": consent}]
        ),
    }


def _of_records(customer: Mapping[str, Any], early: str, late: str) -> dict[str, Story]:
    """Two records that become one, and one that goes."""
    other = {**customer, "id": 8, "email": "ada@work.example"}
    said = {"customer_id": 8, "email_address": other["email"]}
    left = {"state": "unsubscribed", "consent_updated_at": early}
    order = {
        "id": 9, "email": other["email"], "customer": other, "checkout_token": "c1", "created_at": late,
        "updated_at": late, "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    checkout = {
        "token": "c1", "email": other["email"], "customer": other, "created_at": early, "updated_at": early,
        "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    known = [("customers/create", customer), ("checkouts/create", checkout), ("orders/create", order)]
    opt_out = ("customers_email_marketing_consent/update", {**said, "email_marketing_consent": left})
    names = {f"admin_graphql_api_customer_{which}_id": f"gid://shopify/Customer/{number}"
             for which, number in (("kept", 7), ("deleted", 8))}  # fmt: skip
    return {
        "customers/merge": Story([{**names, "status": "completed"}], [*known, opt_out]),
        "customers/delete": Story([{"id": 7}], known[:1]),
    }


def _of_purchases(early: str, hour: str, late: str) -> dict[str, Story]:
    cart = {"token": "k1", "created_at": early, "updated_at": early, "line_items": [ITEM]}
    fuller = {**cart, "updated_at": hour, "line_items": [ITEM, ITEM]}
    checkout = {
        "token": "c1", "cart_token": "k1", "email": ADA["email"], "customer": ADA, "buyer_accepts_marketing": True,
        "created_at": early, "updated_at": early, "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    emptied = {**checkout, "line_items": [], "total_price": "0.00", "updated_at": hour}
    completed = {**checkout, "updated_at": late, "completed_at": late}
    refund = {"id": 3, "created_at": late, "transactions": [{"kind": "refund", "status": "success", "amount": "1.00"}]}
    parcel = {"id": 4, "status": "success", "shipment_status": "delivered", "created_at": late, "updated_at": late}
    order = {
        "id": 9, "email": ADA["email"], "customer": ADA, "checkout_token": "c1", "buyer_accepts_marketing": True,
        "created_at": late, "updated_at": late, "total_price": "9.50", "currency": "EUR", "line_items": [ITEM],
    }  # fmt: skip
    states = [
        order,
        {**order, "financial_status": "paid", "fulfillment_status": "partial"},
        {**order, "fulfillment_status": "fulfilled", "fulfillments": [parcel], "refunds": [refund]},
        {**order, "cancelled_at": late},
    ]
    begun = [("checkouts/create", {**checkout, "buyer_accepts_marketing": False})]
    placed = [("orders/create", {**order, "buyer_accepts_marketing": False})]
    # Topics of one shape are applied alike: whichever arrives first tells what it knows.
    carts, checkouts = (
        Story([cart, fuller, {**fuller, "line_items": [], "updated_at": late}]),
        Story([checkout, emptied, completed]),
    )
    orders, sent = Story(states, begun), Story([{**parcel, "order_id": 9}], placed)
    payment = {"id": 2, "order_id": 9, "kind": "sale", "created_at": late, "amount": "9.50"}
    draft = {**order, "id": 11, "invoice_sent_at": late, "completed_at": late}
    edit = {"order_edit": {"id": 1, "order_id": 9, "committed_at": late}}
    moved = {"id": 1, "fulfillment_id": 4, "order_id": 9, "status": "delivered", "happened_at": late}
    return {
        "carts/create": carts,
        "carts/update": carts,
        "checkouts/create": checkouts,
        "checkouts/update": checkouts,
        "checkouts/delete": Story([{"id": 1, "cart_token": "k1"}], begun),
        **dict.fromkeys(WHOLE, orders),
        "orders/edited": Story([edit], placed),
        "orders/delete": Story([{"id": 9}], placed),
        "order_transactions/create": Story(
            [{**payment, "status": "pending"}, {**payment, "id": 3, "status": "failure"}], placed
        ),
        "refunds/create": Story([{**refund, "order_id": 9}], placed),
        **{name: Story([{"id": 8, "order": {"id": 9}}], placed) for name in RETURNS},
        "fulfillments/create": sent,
        "fulfillments/update": sent,
        "fulfillment_events/create": Story([moved], placed),
        "draft_orders/create": Story([draft]),
        "draft_orders/update": Story([draft]),
        "draft_orders/delete": Story([{"id": 11}], [("draft_orders/create", draft)]),
    }


def _of_goods(early: str, late: str) -> dict[str, Story]:
    variant = {"id": 6, "price": "9.50", "compare_at_price": None, "inventory_item_id": 66, "inventory_quantity": 3}
    product = {"id": 5, "title": "Tea", "updated_at": early, "variants": [variant]}
    dearer = {
        **product, "title": "Green tea", "updated_at": late, "status": "archived",
        "variants": [{**variant, "price": "9.90"}],
    }  # fmt: skip
    listed = [("products/create", product)]
    stocked = {**variant, "product_id": 5, "price": "9.90", "updated_at": late}
    season = {"id": 12, "title": "Season", "updated_at": early}
    level = {"inventory_item_id": 66, "location_id": 1, "available": 3, "updated_at": early}
    fewer = {**level, "available": 2, "updated_at": late}
    return {
        "products/create": Story([product, dearer]),
        "products/update": Story([dearer], listed),
        "products/delete": Story([{"id": 5}], listed),
        "variants/in_stock": Story([stocked], listed),
        "variants/out_of_stock": Story([stocked], listed),
        "collections/create": Story([season, {**season, "title": "Sale", "updated_at": late}]),
        "collections/update": Story(
            [{**season, "title": "Sale", "updated_at": late}], [("collections/create", season)]
        ),
        "collections/delete": Story([{"id": 12}], [("collections/create", season)]),
        "inventory_levels/connect": Story([level, fewer], listed),
        "inventory_levels/update": Story([level, fewer], listed),
        "inventory_levels/disconnect": Story([fewer], [("inventory_levels/connect", level)]),
    }


def _of_messages(at: datetime) -> dict[str, Story]:
    customer = {**ADA, "created_at": at.isoformat(), "updated_at": at.isoformat()}
    told = {"email": ADA["email"], "X-Mailin-custom": "r:s:1:0", "ts_epoch": at.timestamp() * 1000}
    outcomes = (
        "request", "delivered", "opened", "proxy_open", "click", "soft_bounce", "deferred", "blocked", "error",
        "hard_bounce", "spam", "unsubscribed",
    )  # fmt: skip
    known = [("customers/create", customer)]
    campaign = {"email": ADA["email"], "camp_id": 3, "ts_event": at.timestamp()}
    sms = {"to": ADA["phone"], "messageId": 1, "ts_epoch": at.timestamp() * 1000}
    whatsapp = {"contactNumber": ADA["phone"], "messageId": "w", "ts_epoch": at.timestamp() * 1000}
    contact = {"email": ADA["email"], "ts": at.timestamp(), "api_key_name": ""}
    loyalty = {"source": "loyalty", "event_id": "l", "identifiers": {"email_id": ADA["email"]}}
    push = {"event": "push_unsubscribed", "subtype": "new", "identifiers": {"ext_id": "7"}}
    return {
        "transactional": Story([{**told, "event": name} for name in outcomes], known),
        "marketing": Story([{**campaign, "event": name} for name in (*outcomes, "teleported")], known),
        "sms": Story([{**sms, "msg_status": name} for name in (*SMS, "teleported")], known),
        "whatsapp": Story([{**whatsapp, "event": name} for name in (*WHATSAPP, "teleported")], known),
        "contact": Story(
            [
                {**contact, "event": "list_addition", "list_id": [34]},
                {**contact, "event": "contact_updated", "content": [{"emailBlacklisted": True}]},
                {**contact, "event": "contact_updated", "content": [{"emailBlacklisted": True}], "email": "o@x.test"},
                {**contact, "event": "contact_deleted"},
            ],
            known,
        ),
        "loyalty": Story([{**loyalty, "event_name": "voucher_created"}], known),
        "push": Story([push], known),
        "coupon": Story([{"event": "unique_coupon_sent", "email": ADA["email"]}], known),
        "other": Story([{"event": "teleported", "email": ADA["email"]}], known),
    }


def _of_other_systems() -> dict[str, Story]:
    known = [("customers/create", ADA)]
    told = {kind: openapi.example(kind) | {"person": {"external_id": "crm-7", "customer_id": 7}} for kind in SCHEMAS}
    return {topic_of(kind): Story([body], known) for kind, body in told.items()}


@pytest.fixture
def deps(database_url: str) -> Iterator[Deps]:
    # Applying a delivery rings no bell: nothing listens on this Redis.
    given = {"CONNECTOR_ENV": "development", "DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    built = Deps.build(Settings.from_env({**given, "CONNECTOR_SECRET_KEYS": Fernet.generate_key().decode()}))
    yield built
    built.engine.dispose()


def connect(deps: Deps, number: int) -> shops.Shop:
    values = {
        "name": "A", "state": "active", "sender_email": "shop@example.com", "sender_name": "A", "timezone": "UTC",
        "currency": "EUR", "salt": b"s", "settings": {"country": "US", "contact_list": 34}, "brevo_webhook_digest": "",
    }  # fmt: skip
    with transaction(deps.engine) as connection:
        shop_id = shops.add(connection, f"shop-{number}.myshopify.com", values, deps.clock.now())
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
    persons = metadata.tables["persons"]
    with transaction(deps.engine) as connection:
        person_id = connection.scalar(select(persons.c.id).where(persons.c.shop_id == shop.id))
        connection.execute(
            insert(outbox).values(
                shop_id=shop.id, key="r:s:1:0", run_id=UUID(int=1), flow="welcome", version=1, person_id=person_id,
                step="s", channel="email", message="hello", purpose="marketing", priority=1, state="unknown",
                created_at=now, due_at=now, deadline=now, deferrals=0, attempts=1,
            )
        )  # fmt: skip


def await_file(deps: Deps, shop: shops.Shop) -> None:
    """A backfill that waits for a file of the store."""
    parts = metadata.tables["backfill_parts"]
    with deps.open(shop) as scope:
        backfill.start(scope, ["orders"], by="staff:1")
        waiting = {"state": "running", "operation": OPERATION, "due_real": scope.machine + timedelta(hours=1)}
        scope.connection.execute(update(parts).where(parts.c.shop_id == shop.id).values(waiting))


def as_held(deps: Deps, shop: shops.Shop) -> None:
    """The message waits because of an open ticket."""
    held = {"state": "due", "reason": "held", "due_at": deps.clock.now() + timedelta(hours=6)}
    with transaction(deps.engine) as connection:
        connection.execute(update(outbox).where(outbox.c.shop_id == shop.id).values(held))


def as_known_to_brevo(deps: Deps, shop: shops.Shop) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(update(sync_state).where(sync_state.c.shop_id == shop.id).values(sent_version=1))


def changes(deps: Deps, shop: shops.Shop, source: str, topic: str) -> tuple[set[str], set[str]]:
    """(tables, events) that deliveries of this topic change and tell in a shop of their own."""
    story = _stories(deps.clock.now())[topic]
    for name, body in story.before:
        deliver(deps, shop, "shopify", name, body)
    if topic == "bulk_operations/finish":
        await_file(deps, shop)
    if topic == "events/support_ticket_closed":
        put_message(deps, shop)
        as_held(deps, shop)
    if source == "brevo":
        put_message(deps, shop)
        as_known_to_brevo(deps, shop)
    before = contents(deps.engine)
    with transaction(deps.engine) as connection:
        known = set(connection.scalars(select(events.c.id)))
    for body in story.now:
        deliver(deps, shop, source, topic, body)
    after = contents(deps.engine)
    with transaction(deps.engine) as connection:
        told = set(connection.scalars(select(events.c.name).where(events.c.id.not_in(known))))
    return {name for name in after if before[name] != after[name]} - COMMON - _GIVEN, told


def test_what_topics_change_is_what_the_page_says(deps: Deps) -> None:
    listed = rows()
    for number, (source, topic) in enumerate(TOPICS, start=1):
        changed, told = changes(deps, connect(deps, number), source, topic)
        row = listed[topic]
        assert (topic, changed, told) == (topic, set(codes(row[3])), set(codes(row[4])))
