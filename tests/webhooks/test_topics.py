"""The registry of topics: what is in which lane, and that a body of the simulated store fits each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.person import consents, persons
from connector.models.store import carts, checkouts, orders
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.shoppers import hand_over
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess
from webhooks.topics import TOPICS, _register
from webhooks.topics.orders import TOPICS as ORDERS

STOPPING = {
    "orders", "checkouts", "carts", "customers_email_marketing_consent", "customers_marketing_consent",
    "customers_whats_app_marketing_consent",
}  # fmt: skip
BY_LAW = {"customers/data_request", "customers/redact", "shop/redact"}
GONE = {"app/uninstalled", "customers/merge", "customers/delete"}
CONTRACTS = Path(os.environ.get("CONTRACTS_DIR") or Path(__file__).parents[2].parent / "shared" / "contracts")
SAMPLES = CONTRACTS / "shopify" / "webhooks"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def test_whatever_may_stop_a_message_is_in_the_commerce_lane() -> None:
    lanes = {topic.name: topic.lane for topic in TOPICS.values() if topic.source == "shopify"}
    assert {name for name, lane in lanes.items() if lane == "commerce"} == {
        name for name in lanes if name.split("/")[0] in STOPPING or name in BY_LAW | GONE
    }


def test_a_topic_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        _register(ORDERS, ORDERS)


# The simulated store never does these: one location, and drafts are staff's.
SILENT = {
    "draft_orders/create", "draft_orders/update", "draft_orders/delete", "inventory_levels/connect",
    "inventory_levels/disconnect",
}  # fmt: skip


COMPLETED = [{"status": "COMPLETED"}]
BULK = "mutation($text: String!) { bulkOperationRunQuery(query: $text) { bulkOperation { id } } }"


def everything(store: StoreProcess) -> None:
    """Every deed of shoppers, staff and carriers that the simulated store knows."""
    store.act("create_customer", email="ann@example.com", accepts_marketing=True, phone="+33612345678")
    for channel in ("sms", "whatsapp"):
        store.act("set_consent", email="ann@example.com", channel=channel, opt_in_level="single_opt_in")
    store.act("add_tags", email="ann@example.com", tags=["vip", "early"])
    store.act("remove_tags", email="ann@example.com", tags=["early"])
    segment = store.act("create_segment", name="Best")["segment_id"]
    store.act("join_segment", segment=segment, email="ann@example.com")
    store.act("leave_segment", segment=segment, email="ann@example.com")
    cart = store.act("start_cart", items=[{"product": 2}])["cart_token"]
    store.act("update_cart", cart=cart, items=[{"product": 3, "quantity": 2}, {"product": 4}])
    begun = store.act("start_checkout", email="ann@example.com", cart=cart)
    token = begun["checkout_token"]
    store.act("update_checkout", checkout=token, first_name="Ann", last_name="Lee")
    store.act("complete_checkout", checkout=token)
    store.act("fulfil_order", checkout=token, lines=1, tracking_number="1Z")
    store.act("fulfil_order", checkout=token)
    store.act("move_parcel", checkout=token, status="delivered")
    store.act("try_payment", checkout=token, status="failure")
    store.act("edit_order", checkout=token, add=[{"product": 5}])
    store.act("refund_order", checkout=token, lines=1)
    for decision in ("approve", "decline", "cancel", "close"):
        asked = store.act("request_return", checkout=token)
        store.act("decide_return", return_id=asked["return_id"], decision=decision)
    store.act("cancel_order", checkout=token)
    store.act("delete_order", order=store.act("create_order", email="ann@example.com")["order_id"])
    left = store.act("start_checkout", email="ann@example.com")
    store.act("delete_checkout", checkout=left["checkout_token"])
    store.act("set_stock", product=1, available=0)
    store.act("set_stock", product=1, available=9)
    season = store.act("create_collection", title="Season", products=[1])
    store.act("change_collection", collection=season["collection_id"], title="Sale")
    store.act("delete_collection", collection=season["collection_id"])
    store.act("delete_product", product=store.act("create_product", title="Vase")["product_id"])
    one, two, three = (
        store.act("create_customer", email=f"{name}@example.com")["customer_id"] for name in ("bob", "rob", "zoe")
    )
    store.act("merge_customers", one=one, two=two)
    store.act("delete_customer", customer=three)
    store.post("bulk", start_seconds=0, objects_per_second=1e6)
    store.data(BULK, text="{ collections { edges { node { id } } } }")
    while store.data("{ bulkOperations(first: 1) { nodes { status } } }")["bulkOperations"]["nodes"] != COMPLETED:
        time.sleep(0.02)
    store.settle()
    store.act("request_data", email="ann@example.com")
    store.act("redact_customer", email="ann@example.com")
    store.act("redact_shop")
    store.act("update_scopes", scopes=["read_customers", "read_orders"])
    # The last that is ever told of a shop.
    store.act("uninstall")


def test_every_topic_reads_what_the_store_sends(shop: ConnectedShop, tmp_path: Path) -> None:
    with StoreProcess(tmp_path) as store, Receiver() as receiver:
        store.step(START.timestamp())
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        everything(store)
        hand_over(shop, [one for one in receiver.received if ("shopify", one.topic) in TOPICS])
    shop.installation.settle("intake")
    rows = shop.rows(inbox)
    assert {(row.state, row.reason) for row in rows} == {("done", None)}
    assert {row.topic for row in rows} == {name for source, name in TOPICS if source == "shopify"} - SILENT
    person = shop.one(persons, email="ann@example.com")
    agreed = {row.channel: row.state for row in shop.rows(consents)}
    assert agreed == dict.fromkeys(("email", "sms", "whatsapp"), "subscribed")
    assert (person.email, person.orders_count) == ("ann@example.com", 0)
    bought = next(row for row in shop.rows(checkouts) if row.completed_at is not None)
    order = shop.one(orders, checkout_token=bought.token)
    assert order.cancelled_at is not None and str(person.total_spent) == "0.00"


# Deliveries whose own sample is not published: they have the shape of another topic of the family.
SHAPED_LIKE = {
    **dict.fromkeys(("returns/approve", "returns/decline", "returns/cancel", "returns/close"), "returns/request"),
    "draft_orders/update": "draft_orders/create",
    "draft_orders/delete": "orders/delete",
    "collections/create": "collections/update",
    "collections/delete": "products/delete",
    "inventory_levels/connect": "inventory_levels/update",
    "inventory_levels/disconnect": "inventory_levels/update",
}
OWN = [name for source, name in TOPICS if source == "shopify"]


def sample(topic: str) -> bytes:
    file = SAMPLES / f"{SHAPED_LIKE.get(topic, topic).replace('/', '__')}.json"
    if not SAMPLES.exists():
        pytest.skip(f"the platforms' contracts are not at {CONTRACTS}; set CONTRACTS_DIR")
    # Some name the shop by a placeholder.
    return file.read_bytes().replace(b"{shop}.myshopify.com", SHOP.encode())


@pytest.mark.contract
def test_the_platforms_own_samples_are_applied(shop: ConnectedShop) -> None:
    for topic in OWN:
        shop.deliver(topic, sample(topic))
    shop.installation.settle("intake")
    assert {row.topic: (row.state, row.reason) for row in shop.rows(inbox)} == dict.fromkeys(OWN, ("done", None))
    assert shop.one(orders).id == 820982911946154508 and shop.one(carts).token == "exampleCartId"
    told = {row.name for row in shop.rows(events)}
    assert {
        "cart_created", "order_placed", "order_cancelled", "order_refunded", "return_requested", "order_returned",
        "shipment_changed", "draft_order_created", "product_deleted", "collection_deleted", "variant_in_stock",
    } <= told  # fmt: skip


CHANGED = {
    "carts/update": ({"token": None}, "token:"),
    "checkouts/delete": ({"cart_token": 17}, "cart_token:"),
    "orders/fulfilled": ({"refunds": [{"id": "3"}]}, "refunds.0.id:"),
    "orders/edited": ({"order_edit": {"order_id": 9}}, "order_edit.id:"),
    "orders/delete": ({"id": "820982911946154508"}, "id:"),
    "order_transactions/create": ({"amount": {"amount": "1.00"}}, "amount:"),
    "refunds/create": ({"transactions": [{"amount": "1.00"}, {"amount": "many"}]}, "transactions.1.amount:"),
    "returns/request": ({"order": 4783296544821}, "order._schema:"),
    "fulfillments/update": ({"tracking_url": ["https://t/1"]}, "tracking_url:"),
    "fulfillment_events/create": ({"happened_at": "yesterday"}, "happened_at:"),
    "draft_orders/create": ({"line_items": {}}, "line_items:"),
    "products/update": ({"variant_gids": [{"admin_graphql_api_id": "6"}]}, "variant_gids.0.admin_graphql_api_id:"),
    "collections/update": ({"updated_at": "0001-01-01T00:00:00Z"}, "updated_at:"),
    "inventory_levels/update": ({"available": "3"}, "available:"),
    "customers/redact": ({"customer": {"id": "191167"}}, "customer.id:"),
    "variants/in_stock": ({"inventory_quantity": 10**12}, "inventory_quantity:"),
}


@pytest.mark.contract
def test_a_field_of_another_shape_is_quarantined_with_its_path(shop: ConnectedShop) -> None:
    """Nothing of such a delivery is applied; the same delivery with the field as it was is (above)."""
    for topic, (fields, _) in CHANGED.items():
        shop.deliver(topic, {**orjson.loads(sample(topic)), **fields})
    shop.installation.settle("intake")
    for row in shop.rows(inbox):
        path = CHANGED[row.topic][1]
        assert row.state == "quarantined" and row.reason.startswith(path), (row.topic, row.state, row.reason)
    assert shop.rows(events) == [] and shop.rows(persons) == []
