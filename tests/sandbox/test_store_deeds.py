"""What staff, carriers and buyers do after a purchase and with the goods: which webhooks that sends, and that the
Admin API tells the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

ORDER = """query($id: ID!) { order(id: $id) {
  displayFinancialStatus displayFulfillmentStatus
  totalPriceSet { shopMoney { amount } } currentTotalPriceSet { shopMoney { amount } }
  lineItems(first: 10) { nodes { quantity currentQuantity } }
  refunds(first: 5) { totalRefundedSet { shopMoney { amount } } }
  fulfillments(first: 5) { status displayStatus trackingInfo(first: 1) { number } }
} }"""
PRODUCT = """query($id: ID!) { product(id: $id) {
  title status collections(first: 5) { nodes { title products(first: 5) { nodes { id } } } }
  variants(first: 5) { nodes { price inventoryQuantity inventoryItem { id variants(first: 1) { nodes { id } } } } }
} }"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path) as made, Receiver() as receiver:
        made.post("subscribe", uri=receiver.url, shops=[SHOP])
        made.receiver = receiver  # type: ignore[attr-defined]
        yield made


def done(store: StoreProcess, action: str, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    """What the action touched, and the topics that it sent, in order."""
    touched = store.act(action, **arguments)
    return touched, [one["topic"] for one in touched["webhooks"]]


def bought(store: StoreProcess) -> int:
    items = [{"product": 1, "quantity": 2}, {"product": 4}]
    return int(store.act("create_order", email="ann@example.com", items=items)["order_id"])


def test_an_order_is_sent_in_parcels_and_delivered(store: StoreProcess) -> None:
    order = bought(store)
    assert done(store, "fulfil_order", order=order, lines=1, tracking_number="1Z")[1] == [
        "fulfillments/create", "orders/partially_fulfilled", "orders/updated",
    ]  # fmt: skip
    assert done(store, "fulfil_order", order=order)[1][1] == "orders/fulfilled"
    assert done(store, "move_parcel", order=order, status="delivered")[1] == [
        "fulfillment_events/create", "fulfillments/update",
    ]  # fmt: skip
    told = store.data(ORDER, id=f"gid://shopify/Order/{order}")["order"]
    assert told["displayFulfillmentStatus"] == "FULFILLED"
    assert [one["displayStatus"] for one in told["fulfillments"]] == ["DELIVERED", "FULFILLED"]
    assert told["fulfillments"][0]["trackingInfo"] == [{"number": "1Z"}]
    refused = store.session.post(f"{store.url}/_control/act", json={"action": "fulfil_order", "order": order})
    assert refused.status_code == 400 and "nothing to send" in refused.text


def test_money_given_back_and_an_edit_change_what_the_order_is_worth(store: StoreProcess) -> None:
    order = bought(store)
    _, topics = done(store, "refund_order", order=order, lines=1)
    assert topics == [
        "refunds/create", "order_transactions/create", "orders/updated", "customers/update",
        "customers/purchasing_summary",
    ]  # fmt: skip
    assert done(store, "edit_order", order=order, add=[{"product": 10}], remove=1)[1] == [
        "orders/edited", "orders/updated",
    ]  # fmt: skip
    told = store.data(ORDER, id=f"gid://shopify/Order/{order}")["order"]
    assert told["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert [(one["quantity"], one["currentQuantity"]) for one in told["lineItems"]["nodes"]] == [(2, 0), (1, 0), (1, 1)]
    given = told["refunds"][0]["totalRefundedSet"]["shopMoney"]["amount"]
    before, now = (told[name]["shopMoney"]["amount"] for name in ("totalPriceSet", "currentTotalPriceSet"))
    # 2 mugs at 14.90 came back, the scarf at 39.00 was exchanged for a candle at 9.90.
    assert (given, before, now) == ("29.80", "39.70", "9.90")
    too_much = {"action": "refund_order", "order": order, "amount": "50"}
    assert store.session.post(f"{store.url}/_control/act", json=too_much).status_code == 400


def test_payments_returns_and_deletion(store: StoreProcess) -> None:
    order = bought(store)
    assert done(store, "try_payment", order=order, status="failure")[1] == ["order_transactions/create"]
    asked, topics = done(store, "request_return", order=order)
    assert topics == ["returns/request"]
    assert done(store, "decide_return", return_id=asked["return_id"], decision="close")[1] == ["returns/close"]
    assert done(store, "delete_order", order=order)[1] == [
        "orders/delete", "customers/update", "customers/purchasing_summary",
    ]  # fmt: skip
    assert store.data(ORDER, id=f"gid://shopify/Order/{order}")["order"] is None


def test_goods_change(store: StoreProcess) -> None:
    made, topics = done(store, "create_product", title="Vase", price="20.00", stock=3)
    product = made["product_id"]
    assert topics == ["products/create"]
    season, _ = done(store, "create_collection", title="Season", products=[product])
    assert done(store, "set_stock", product=product, available=0)[1] == [
        "inventory_levels/update", "variants/out_of_stock", "products/update",
    ]  # fmt: skip
    assert done(store, "set_stock", product=product, available=4)[1][1] == "variants/in_stock"
    assert done(store, "set_stock", product=product, available=5)[1] == ["inventory_levels/update", "products/update"]
    done(store, "change_product", product=product, price="15.00", compare_at_price="20.00")
    told = store.data(PRODUCT, id=f"gid://shopify/Product/{product}")["product"]
    (collection,), (variant,) = told["collections"]["nodes"], told["variants"]["nodes"]
    assert collection == {"title": "Season", "products": {"nodes": [{"id": f"gid://shopify/Product/{product}"}]}}
    assert (variant["price"], variant["inventoryQuantity"]) == ("15.00", 5)
    assert len(variant["inventoryItem"]["variants"]["nodes"]) == 1
    number = season["collection_id"]
    assert done(store, "change_collection", collection=number, products=[])[1] == ["collections/update"]
    assert done(store, "delete_collection", collection=number)[1] == ["collections/delete"]
    assert done(store, "delete_product", product=product)[1] == ["products/delete"]
    assert store.data(PRODUCT, id=f"gid://shopify/Product/{product}")["product"] is None


def test_a_cart_becomes_a_checkout_that_names_it(store: StoreProcess) -> None:
    cart = done(store, "start_cart", items=[{"product": 2}])[0]["cart_token"]
    assert done(store, "update_cart", cart=cart, items=[])[1] == ["carts/update"]
    done(store, "update_cart", cart=cart, items=[{"product": 3}])
    begun = store.act("start_checkout", cart=cart, email="ann@example.com")
    body = store.receiver.received[-1].json  # type: ignore[attr-defined]
    assert body["cart_token"] == cart and len(body["line_items"]) == 1
    assert done(store, "delete_checkout", checkout=begun["checkout_token"])[1] == ["checkouts/delete"]
