"""What is told of an order without the order: edits, refunds, payments, returns, parcels; known before or later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events, pending_events
from connector.models.person import persons
from connector.models.store import fulfillments, orders
from connector.models.sync import fetches
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import order
from tests.engine.shoppers import by_customer
from tests.sync.store_answers import AnsweringStore, money, order_node

ANN = "ann@example.com"


@pytest.fixture
def store() -> AnsweringStore:
    return AnsweringStore()


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path, store: AnsweringStore) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path, http=store) as made:
        yield made.connect(flows=[])


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def placed(shop: ConnectedShop, **fields: Any) -> None:
    deliver(shop, "orders/create", order(9, ANN, START, **{**by_customer(1, ANN), **fields}))


def deliver(shop: ConnectedShop, topic: str, body: dict[str, Any]) -> None:
    shop.deliver(topic, body)
    shop.installation.settle("intake")


def told(shop: ConnectedShop, *but: str) -> list[Any]:
    """The events of the store, in the order in which they were written."""
    ours = [row for row in shop.rows(events) if row.source == "shopify" and row.name not in but]
    return sorted(ours, key=lambda row: row.seq)


ORDER = ("order_placed", "order_paid")
PAYMENT = {
    "id": 5,
    "order_id": 9,
    "kind": "sale",
    "amount": "14.90",
    "gateway": "visa",
    "created_at": at(1).isoformat(),
}
REFUND = {
    "id": 3, "order_id": 9, "created_at": at(2).isoformat(),
    "transactions": [{"kind": "refund", "status": "success", "amount": "4.90"}],
}  # fmt: skip
PARCEL = {
    "id": 4, "order_id": 9, "status": "success", "shipment_status": None, "created_at": at(3).isoformat(),
    "updated_at": at(3).isoformat(), "tracking_company": "UPS", "tracking_number": "1Z", "tracking_url": "https://t/1Z",
}  # fmt: skip
MOVED = {"id": 6, "fulfillment_id": 4, "order_id": 9, "status": "in_transit", "happened_at": at(4).isoformat()}


def test_payments_that_wait_or_fail_are_told_once_and_others_not_at_all(shop: ConnectedShop) -> None:
    placed(shop)
    for status in ("pending", "pending", "success"):
        deliver(shop, "order_transactions/create", {**PAYMENT, "status": status})
    deliver(shop, "order_transactions/create", {**PAYMENT, "id": 6, "status": "failure", "error_code": "card_declined"})
    deliver(shop, "order_transactions/create", {**PAYMENT, "id": 7, "kind": "refund", "status": "failure"})
    waiting, failed = told(shop, *ORDER)
    assert (waiting.name, failed.name) == ("payment_pending", "payment_failed")
    assert failed.person_id == shop.one(persons).id
    assert (failed.props["order_name"], failed.props["error_code"]) == ("#9", "card_declined")


def test_a_refund_is_one_whoever_tells_of_it(shop: ConnectedShop) -> None:
    placed(shop)
    for _ in range(2):
        deliver(shop, "refunds/create", REFUND)
    deliver(shop, "orders/updated", order(9, ANN, START, updated=at(5), refunds=[REFUND], **by_customer(1, ANN)))
    (event,) = told(shop, *ORDER)
    assert (event.name, event.props["amount"], event.props["refunded"]) == ("order_refunded", "4.90", "4.90")
    row = shop.one(orders)
    assert (str(row.refunded), str(row.counted), str(shop.one(persons).total_spent)) == ("4.90", "10.00", "10.00")


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("request", "return_requested"),
        ("approve", "return_approved"),
        ("decline", "return_declined"),
        ("cancel", "return_cancelled"),
        ("close", "order_returned"),
    ],
)
def test_returns(shop: ConnectedShop, topic: str, name: str) -> None:
    placed(shop, source_name="pos")
    for _ in range(2):
        deliver(shop, f"returns/{topic}", {"id": 8, "order": {"id": 9}, "total_return_line_items": 2})
    (event,) = told(shop, *ORDER)
    assert (event.name, event.props["return_items"], event.props["excluded"]) == (name, 2, "pos")


def test_an_edit_has_the_order_read_again(shop: ConnectedShop, store: AnsweringStore) -> None:
    placed(shop)
    deliver(shop, "orders/edited", {"order_edit": {"id": 1, "order_id": 9, "committed_at": at(6).isoformat()}})
    (event,) = told(shop, *ORDER)
    assert (event.name, event.occurred_at) == ("order_edited", at(6))
    edited = {"updatedAt": at(6).isoformat(), "displayFulfillmentStatus": "PARTIALLY_FULFILLED"}
    store.nodes["gid://shopify/Order/9"] = order_node(9, START.isoformat(), **edited)
    shop.installation.settle("fetch", "intake")
    row = shop.one(orders)
    assert (str(row.total), row.fulfillment_status, row.items[0]["quantity"]) == ("29.80", "partial", 2)
    assert str(shop.one(persons).total_spent) == "29.80"
    assert {one.state for one in shop.rows(fetches, kind="Order")} == {"done"}, "reading it again asks for no more"


def test_a_parcel_is_sent_and_delivered_once_in_whatever_order(shop: ConnectedShop) -> None:
    placed(shop)
    deliver(shop, "fulfillments/create", {**PARCEL, "status": "pending"})
    assert told(shop, *ORDER) == [], "it has not left yet"
    deliver(shop, "fulfillment_events/create", MOVED)
    delivered = {**MOVED, "id": 7, "status": "delivered", "happened_at": at(9).isoformat()}
    deliver(shop, "fulfillment_events/create", delivered)
    deliver(shop, "fulfillments/update", {**PARCEL, "shipment_status": "delivered", "updated_at": at(9).isoformat()})
    deliver(shop, "fulfillment_events/create", {**MOVED, "id": 8, "status": "out_for_delivery"})
    deliver(shop, "fulfillments/create", PARCEL)
    row = shop.one(fulfillments)
    assert (row.status, row.shipment_status, row.delivered_at) == ("success", "delivered", at(9))
    found = [(one.name, one.occurred_at) for one in told(shop, *ORDER, "shipment_changed")]
    assert found == [("order_delivered", at(9)), ("order_shipped", at(3))]
    shipped = next(one for one in told(shop) if one.name == "order_shipped")
    assert (shipped.props["tracking_number"], shipped.props["order_id"]) == ("1Z", 9)
    changes = [(one.props["old"], one.props["new"]) for one in told(shop) if one.name == "shipment_changed"]
    assert changes[:2] == [(None, "in_transit"), ("in_transit", "delivered")]


def test_what_is_told_of_an_unknown_order_becomes_its_buyers(shop: ConnectedShop, store: AnsweringStore) -> None:
    """Whatever arrives first: the order is read from the store, and nothing that was told is lost."""
    deliver(shop, "refunds/create", REFUND)
    deliver(shop, "fulfillments/create", PARCEL)
    deliver(shop, "order_transactions/create", {**PAYMENT, "status": "failure"})
    deliver(shop, "returns/request", {"id": 8, "order": {"id": 9}})
    assert shop.rows(orders) == [] and {one.person_id for one in told(shop)} == {None}
    refund = {"id": "gid://shopify/Refund/3", "createdAt": at(2).isoformat(), "totalRefundedSet": money("4.9")}
    parcel = {"id": "gid://shopify/Fulfillment/4", "status": "SUCCESS", "createdAt": at(3).isoformat()}
    node = order_node(9, START.isoformat(), updatedAt=at(3).isoformat(), refunds=[refund], fulfillments=[parcel])
    store.nodes["gid://shopify/Order/9"] = node
    shop.installation.settle("fetch")
    ann = shop.one(persons)
    found = {one.name: one for one in told(shop)}
    assert {one.person_id for one in found.values()} == {ann.id}
    assert set(found) == {
        "order_refunded", "order_shipped", "payment_failed", "return_requested", "order_placed", "order_paid",
    }  # fmt: skip
    waiting = {row.event_id for row in shop.rows(pending_events, person_id=ann.id)}
    assert waiting == {one.id for one in found.values()}, "each is decided for its buyer"
    assert (ann.orders_count, str(ann.total_spent)) == (1, "24.90")


def test_an_order_is_read_whole(shop: ConnectedShop, store: AnsweringStore) -> None:
    deliver(shop, "returns/request", {"id": 8, "order": {"id": 9}})
    store.nodes["gid://shopify/Order/9"] = order_node(9, START.isoformat())
    shop.installation.settle("fetch")
    row = shop.one(orders)
    assert (row.name, row.email, row.customer_id, row.currency) == ("#9", ANN, 1, "EUR")
    assert (row.financial_status, row.fulfillment_status, row.payment_method) == ("paid", None, "visa")
    assert row.billing == {"name": "Ann Lee", "address": "1 Harbour Street", "city": "Lyon", "country_code": "FR"}
    assert row.discount_codes == ["HELLO"] and row.items == [
        {
            "product_id": 101, "variant_id": 1010, "title": "Mug", "variant_title": None, "sku": None, "quantity": 2,
            "price": "14.90", "line_price": "29.80", "current_quantity": 2,
        }
    ]  # fmt: skip
