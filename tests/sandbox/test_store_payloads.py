"""Webhook bodies have the keys, and the kinds of values, of Shopify's samples."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.store import after_sale, app_payloads, customer_payloads, goods_payloads, order_payloads, payloads
from sandbox.store.consent import give_consent
from sandbox.store.records import Collection, Segment
from sandbox.store.settings import ShopSettings
from sandbox.store.shop import Shop

ROOT = Path(__file__).parents[2]
CONTRACTS = Path(os.environ.get("CONTRACTS_DIR") or ROOT.parent / "shared" / "contracts")
SAMPLES = CONTRACTS / "shopify" / "webhooks"
NOW = 1_790_000_000.0


def differences(mine: Any, sample: Any, place: str = "") -> list[str]:
    """Keys that only one side has, and values of another JSON kind where both sides have one."""
    if mine is None or sample is None:
        return []
    if type(mine) is not type(sample):
        return [f"{place}: {type(mine).__name__} here, {type(sample).__name__} there"]
    found = []
    if isinstance(mine, dict):
        found += [f"{place}.{key}: only here" for key in mine.keys() - sample.keys()]
        found += [f"{place}.{key}: only there" for key in sample.keys() - mine.keys()]
        for key in mine.keys() & sample.keys():
            found += differences(mine[key], sample[key], f"{place}.{key}")
    elif isinstance(mine, list) and sample:
        for item in mine:
            found += differences(item, sample[0], f"{place}[]")
    return found


def bodies() -> dict[str, dict[str, Any]]:
    """A body of each topic, with every part that the store ever fills in."""
    shop = Shop(ShopSettings(domain="a.myshopify.com", token="t"), 1, 7, "http://127.0.0.1/a", NOW)
    person = shop.sign_up(NOW, "ada@example.com", "Ada", "Lovelace")
    give_consent(NOW, person, "email", "subscribed", "single_opt_in")
    lines = [(variant, 2) for variant in shop.variants()]
    cart = shop.start_checkout(NOW, lines, person.email)
    shop.edit_checkout(NOW, cart, name=("Ada", "Lovelace"))
    created = payloads.checkout(shop, cart)
    sale = shop.complete_checkout(NOW, cart, person)
    paid = payloads.order(shop, sale)
    parcel = after_sale.fulfil(shop, NOW, sale, 2, "1Z", "UPS")
    after_sale.move(shop, NOW, parcel, "delivered")
    back = after_sale.refund(shop, NOW, sale, None, 1)
    sent = payloads.order(shop, sale)
    shop.cancel_order(NOW, sale, "customer")
    variant, (line, *_) = shop.variants()[0], sale.lines
    basket = shop.start_cart(NOW, lines)
    season = Collection(9, "Season", "season", NOW, NOW)
    guest = shop.sign_up(NOW, None, "Guest", None)
    guest.phone = "+33600000000"
    for channel in ("sms", "whatsapp"):
        give_consent(NOW, guest, channel, "pending", "confirmed_opt_in")
    fans = Segment(3, "Fans", "number_of_orders >= 0", NOW, NOW)
    return {
        "app/uninstalled": app_payloads.shop(shop),
        "app/scopes_update": app_payloads.scopes_update(shop, ["a"], ["a", "b"], NOW),
        "shop/redact": app_payloads.shop_redact(shop),
        "customers/data_request": app_payloads.data_request(shop, person, 5),
        "customers/redact": app_payloads.customer_redact(shop, person),
        "customers/delete": customer_payloads.deleted(guest),
        "customers/merge": customer_payloads.merge_failed(person, guest),
        "customers/purchasing_summary": customer_payloads.purchasing_summary(shop, person, NOW),
        "customers_marketing_consent/update": customer_payloads.sms_consent(shop, guest),
        "customers_whats_app_marketing_consent/update": customer_payloads.whatsapp_consent(shop, guest),
        "customer.tags_added": customer_payloads.tags(person, ["vip"], NOW),
        "customer.tags_removed": customer_payloads.tags(person, ["vip"], NOW),
        "customer.joined_segment": customer_payloads.membership(shop, person, fans),
        "customer.left_segment": customer_payloads.membership(shop, person, fans),
        "carts/create": goods_payloads.cart(shop, basket),
        "carts/update": goods_payloads.cart(shop, basket),
        "checkouts/delete": payloads.deleted_checkout(shop, cart),
        "orders/fulfilled": sent,
        "orders/partially_fulfilled": sent,
        "orders/edited": order_payloads.edit(shop, sale, 5, {line.id: 1}, {line.id: 1}, NOW),
        "order_transactions/create": order_payloads.transaction(shop, sale, 6, "sale", "failure", sale.subtotal, NOW),
        "refunds/create": order_payloads.refund(shop, back),
        "returns/request": order_payloads.returned(after_sale.ask_return(shop, sale, 1)),
        "fulfillments/create": order_payloads.fulfillment(shop, parcel),
        "fulfillments/update": order_payloads.fulfillment(shop, parcel),
        "fulfillment_events/create": order_payloads.fulfillment_event(shop, parcel, 7, "delivered"),
        "products/create": goods_payloads.product(shop, variant.product),
        "products/update": goods_payloads.product(shop, variant.product),
        "variants/in_stock": goods_payloads.variant(shop, variant),
        "variants/out_of_stock": goods_payloads.variant(shop, variant),
        "inventory_levels/update": goods_payloads.level(shop, variant),
        "collections/update": goods_payloads.collection(shop, season),
        "customers/create": payloads.customer(shop, person),
        "customers/update": payloads.customer(shop, person),
        "customers_email_marketing_consent/update": customer_payloads.email_consent(shop, person),
        "checkouts/create": created,
        "checkouts/update": payloads.checkout(shop, cart),
        "orders/create": paid,
        "orders/updated": paid,
        "orders/paid": paid,
        "orders/cancelled": payloads.order(shop, sale),
    }


BODIES = bodies()


def sample(topic: str) -> Any:
    if not SAMPLES.exists():
        pytest.skip(f"the platforms' contracts are not at {CONTRACTS}; set CONTRACTS_DIR")
    return json.loads((SAMPLES / f"{topic.replace('/', '__')}.json").read_text("utf-8"))


@pytest.mark.contract
@pytest.mark.parametrize("topic", BODIES)
def test_a_body_has_the_keys_of_the_sample(topic: str) -> None:
    assert differences(BODIES[topic], sample(topic)) == []


@pytest.mark.contract
def test_a_missing_an_extra_and_a_mistyped_key_are_reported() -> None:
    theirs = sample("orders/create")
    broken = copy.deepcopy(BODIES["orders/create"])
    broken["checkout_id"] = 1
    broken["line_items"][1]["price"] = 12.5
    del broken["customer"]["default_address"]["zip"]
    assert sorted(differences(broken, theirs)) == [
        ".checkout_id: only here",
        ".customer.default_address.zip: only there",
        ".line_items[].price: float here, str there",
    ]


def test_what_left_the_payloads_in_2025_and_2026_is_gone() -> None:
    assert not {"checkout_id"} & BODIES["orders/create"].keys()
    assert not {"id"} & BODIES["checkouts/create"].keys()
    assert not {"tags", "orders_count", "total_spent"} & BODIES["customers/create"].keys()


def test_tokens_join_cart_checkout_and_order() -> None:
    cart, sale = BODIES["checkouts/update"], BODIES["orders/create"]
    assert (sale["checkout_token"], sale["cart_token"]) == (cart["token"], cart["cart_token"])
    assert cart["completed_at"] == sale["created_at"] == "2026-09-21T16:13:20+02:00"


def test_money_adds_up() -> None:
    sale, cancelled = BODIES["orders/create"], BODIES["orders/cancelled"]
    total = sum(float(line["price"]) * line["quantity"] for line in sale["line_items"])
    assert float(sale["total_price"]) == pytest.approx(total)
    assert (cancelled["current_total_price"], cancelled["cancel_reason"]) == ("0.00", "customer")
