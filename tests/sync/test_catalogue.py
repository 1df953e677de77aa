"""Products, variants, stock and collections: what is kept, what is told, and when Brevo's copy is to follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events
from connector.models.store import collections, inventory_levels, products, variants
from connector.models.sync import fetches, sync_state
from tests.engine.installation import START, ConnectedShop, installation
from tests.sync.store_answers import AnsweringStore, product_node

GID = "gid://shopify"


@pytest.fixture
def store() -> AnsweringStore:
    return AnsweringStore()


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path, store: AnsweringStore) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path, http=store) as made:
        yield made.connect(flows=[])


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def variant(number: int = 6, price: str = "9.50", **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "title": "Tin", "sku": f"T-{number}", "price": price, "compare_at_price": None, "position": 1,
        "inventory_item_id": number * 11, "inventory_quantity": 3, **fields,
    }  # fmt: skip


def product(minutes: float = 0, *listed: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found = list(listed) or [variant()]
    return {
        "id": 5, "title": "Tea", "handle": "tea", "status": "active", "vendor": "Leaf", "product_type": "Drinks",
        "tags": "green, loose", "updated_at": at(minutes).isoformat(), "variants": found,
        "variant_gids": [{"admin_graphql_api_id": f"{GID}/ProductVariant/{one['id']}"} for one in found], **fields,
    }  # fmt: skip


def told(shop: ConnectedShop, topic: str, body: dict[str, Any]) -> None:
    shop.deliver(topic, body)
    shop.installation.settle("intake")


def happened(shop: ConnectedShop, *names: str) -> list[Any]:
    return sorted((row for row in shop.rows(events) if row.name in names), key=lambda row: row.seq)


def wished(shop: ConnectedShop, entity: str = "product") -> dict[int, int]:
    return {row.entity_id: row.wanted_version for row in shop.rows(sync_state, entity=entity)}


def asked(shop: ConnectedShop) -> set[tuple[str, int]]:
    return {(row.kind, row.remote_id) for row in shop.rows(fetches) if row.state == "due"}


def test_what_is_kept_of_a_product(shop: ConnectedShop) -> None:
    told(shop, "products/create", product(0, variant(6), variant(7, "12.00", compare_at_price="15.00")))
    row = shop.one(products)
    assert (row.title, row.handle, row.status, row.vendor, row.tags) == (
        "Tea", "tea", "active", "Leaf", ["green", "loose"],
    )  # fmt: skip
    assert (str(row.price_min), str(row.price_max), row.version) == ("9.50", "12.00", 1)
    second = shop.one(variants, id=7)
    assert (str(second.price), str(second.compare_at_price), second.inventory_item_id) == ("12.00", "15.00", 77)
    assert wished(shop) == {5: 1}
    assert asked(shop) == {("Product", 5)}, "its page and its collections are in no webhook"
    assert [row.name for row in shop.rows(events)] == ["product_created"]


def test_prices_before_and_after_are_told_once_per_change(shop: ConnectedShop) -> None:
    told(shop, "products/create", product())
    for _ in range(2):
        told(shop, "products/update", product(5, variant(price="7.50", compare_at_price="9.50")))
    (cheaper,) = happened(shop, "price_changed")
    assert (cheaper.subject, cheaper.key) == ("variant:6", "5")
    assert (cheaper.props["old"], cheaper.props["new"]) == ("9.50", "7.50")
    assert cheaper.props["new_compare_at_price"] == "9.50"
    told(shop, "products/update", product(2, variant(price="20.00")))
    assert len(happened(shop, "price_changed")) == 1 and str(shop.one(variants).price) == "7.50", "older: left alone"
    assert wished(shop) == {5: 2}
    told(shop, "products/update", product(9, variant(price="7.50", compare_at_price=None)))
    assert shop.one(variants).compare_at_price is None, "null ends a reduction"


def test_fields_before_and_after_are_told_and_only_those_that_changed(shop: ConnectedShop) -> None:
    told(shop, "products/create", product())
    told(shop, "products/update", product(5, title="Green tea"))
    told(shop, "products/update", product(6, title="Green tea"))
    (changed,) = happened(shop, "product_updated")
    assert changed.props["changed"] == {"title": ["Tea", "Green tea"]}
    assert wished(shop) == {5: 2}, "only the time of the state is new"


def test_thin_and_long_products(shop: ConnectedShop) -> None:
    told(shop, "products/create", product(0, variant(6), variant(7)))
    told(shop, "products/update", {"id": 5, "updated_at": at(5).isoformat()})
    assert shop.one(products).title == "Tea" and {row.deleted_at for row in shop.rows(variants)} == {None}
    told(shop, "products/update", product(6, variant(6)))
    assert {row.id: row.deleted_at for row in shop.rows(variants)} == {6: None, 7: at(6)}, "it is listed no longer"
    more = [{"admin_graphql_api_id": f"{GID}/ProductVariant/{number}"} for number in range(6, 120)]
    shop.change(fetches, {"state": "done"})
    told(shop, "products/update", product(7, variant(6), variant(7), variant_gids=more))
    assert shop.one(variants, id=7).deleted_at is None and asked(shop) == {("Product", 5)}


def test_two_states_of_one_second_have_the_product_read_again(shop: ConnectedShop, store: AnsweringStore) -> None:
    told(shop, "products/create", product())
    store.nodes[f"{GID}/Product/5"] = product_node(
        5, updatedAt=START.isoformat(), title="Tea", collections={"nodes": []}
    )
    shop.installation.settle("fetch")
    assert asked(shop) == set() and shop.one(products).url == "https://goods.example/5"
    told(shop, "products/update", product(0))
    assert asked(shop) == set()
    told(shop, "products/update", product(0, title="Black tea"))
    assert shop.one(products).title == "Black tea" and asked(shop) == {("Product", 5)}


def test_a_deleted_product_stays_deleted(shop: ConnectedShop) -> None:
    told(shop, "products/create", product())
    told(shop, "products/delete", {"id": 5})
    told(shop, "products/delete", {"id": 5})
    told(shop, "products/update", product(9, title="Late"))
    told(shop, "products/delete", {"id": 77})
    row = shop.one(products, id=5)
    assert row.deleted_at == START and row.title == "Tea" and shop.one(variants).deleted_at == START
    assert [one.key for one in happened(shop, "product_deleted")] == ["5", "77"]
    assert wished(shop) == {5: 2}, "Brevo never heard of the other"
    told(shop, "products/create", product(1, id=77))
    assert shop.one(products, id=77).deleted_at is not None, "its creation came late"


def test_stock_comes_and_goes(shop: ConnectedShop) -> None:
    told(shop, "products/create", product())
    gone = {**variant(inventory_quantity=0), "product_id": 5, "updated_at": at(3).isoformat()}
    for _ in range(2):
        told(shop, "variants/out_of_stock", gone)
    told(shop, "variants/in_stock", {**gone, "inventory_quantity": 8, "updated_at": at(9).isoformat()})
    out, back = happened(shop, "variant_out_of_stock", "variant_in_stock")
    assert (out.name, back.name, back.props["inventory_quantity"]) == ("variant_out_of_stock", "variant_in_stock", 8)
    assert shop.one(variants).inventory_quantity == 8 and wished(shop) == {5: 3}
    told(shop, "variants/in_stock", {**variant(70), "product_id": 50, "updated_at": at(9).isoformat()})
    assert ("Product", 50) in asked(shop), "a product that is not known yet is read"


def test_stock_per_location_before_and_after(shop: ConnectedShop, store: AnsweringStore) -> None:
    told(shop, "products/create", product())
    shop.change(fetches, {"state": "done"})
    level = {"inventory_item_id": 66, "location_id": 1, "available": 3, "updated_at": START.isoformat()}
    told(shop, "inventory_levels/connect", level)
    assert happened(shop, "inventory_changed") == [], "the first word is no change"
    fewer = {**level, "available": 1, "updated_at": at(5).isoformat()}
    for body in (fewer, fewer, level):
        told(shop, "inventory_levels/update", body)
    (changed,) = happened(shop, "inventory_changed")
    assert (changed.props["old"], changed.props["new"], changed.props["variant_id"]) == (3, 1, 6)
    assert asked(shop) == {("Product", 5)}, "the sum over all locations is the store's to tell"
    told(shop, "inventory_levels/disconnect", {**level, "updated_at": at(9).isoformat()})
    assert shop.one(inventory_levels).available is None
    told(shop, "inventory_levels/update", {**level, "inventory_item_id": 990})
    shop.change(fetches, {"state": "done"}, kind="Product")
    owner = {"id": f"{GID}/ProductVariant/90", "product": {"id": f"{GID}/Product/9"}}
    store.nodes[f"{GID}/InventoryItem/990"] = {"id": f"{GID}/InventoryItem/990", "variants": {"nodes": [owner]}}
    shop.installation.settle("fetch")
    assert ("Product", 9) in {(row.kind, row.remote_id) for row in shop.rows(fetches)}


def test_collections_and_what_is_in_them(shop: ConnectedShop, store: AnsweringStore) -> None:
    for number in (5, 6):
        told(shop, "products/create", product(0, variant(number * 10), id=number))
        listed = {"collections": {"nodes": [{"id": f"{GID}/Collection/12"}] if number == 5 else []}}
        node = product_node(number, updatedAt=START.isoformat(), **listed)
        store.nodes[f"{GID}/Product/{number}"] = node
    told(shop, "collections/create", {"id": 12, "title": "Season", "handle": "season", "updated_at": START.isoformat()})
    shop.installation.settle("fetch")
    assert {row.id: row.collection_ids for row in shop.rows(products)} == {5: [12], 6: []}
    node = {
        "id": f"{GID}/Collection/12", "title": "Season", "updatedAt": START.isoformat(),
        "products": {"nodes": [{"id": f"{GID}/Product/6"}], "pageInfo": {"hasNextPage": False}},
    }  # fmt: skip
    store.nodes[f"{GID}/Collection/12"] = node
    before = wished(shop)
    told(shop, "collections/update", {"id": 12, "title": "Sale", "updated_at": at(5).isoformat()})
    store.nodes[f"{GID}/Collection/12"] |= {"title": "Sale", "updatedAt": at(5).isoformat()}
    shop.installation.settle("fetch")
    assert {row.id: row.collection_ids for row in shop.rows(products)} == {5: [], 6: [12]}
    assert wished(shop) == {number: version + 1 for number, version in before.items()}
    (renamed,) = happened(shop, "collection_updated")
    assert renamed.props["changed"] == {"title": ["Season", "Sale"]}
    for _ in range(2):
        told(shop, "collections/delete", {"id": 12})
    assert shop.one(collections).deleted_at is not None and wished(shop, "category") == {12: 3}
    assert [row.collection_ids for row in shop.rows(products)] == [[], []]
    assert len(happened(shop, "collection_created", "collection_deleted")) == 2
