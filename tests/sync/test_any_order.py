"""All that the store tells of a purchase and of its goods, repeated, shuffled and renamed: the same end as once and in
order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Table, text

from connector.db.schema import metadata
from connector.models.event import events
from connector.models.person import persons
from connector.models.store import (
    carts,
    checkouts,
    collections,
    fulfillments,
    inventory_levels,
    orders,
    products,
    variants,
)
from sync import orders as order_projection
from tests.engine.installation import START, ConnectedShop, Installation, installation
from tests.engine.payloads import JSON, checkout, embedded, line, order

ANN = "ann@example.com"
BUYER = {"customer": embedded(1, ANN)}
SEEDS = 2
Told = tuple[str, JSON]
TABLES: tuple[Table, ...] = (
    carts, checkouts, orders, fulfillments, products, variants, collections, inventory_levels, persons,
)  # fmt: skip
# How often we looked, and when.
_INNER = {"shop_id", "version", "seq", "received_at", "created_at", "person_id"}
# What changed from one state to the next: a state that came too late to be applied is none of them.
_CHANGES = {
    *("price_changed", "product_updated", "collection_updated", "inventory_changed", "shipment_changed"),
    *("price_raised", "out_of_stock_again", "product_discontinued"),
}
# Told when a cart that had something in it has nothing: which of its states were seen in between is chance.
_SEEN = {"cart_cleared"}


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def moment(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def purchase() -> list[Told]:
    """A cart, a checkout, an order in two parcels, an edit, two refunds, a payment that failed, a return."""
    refund = {"id": 31, "created_at": at(40), "transactions": [{"kind": "refund", "status": "success", "amount": "4"}]}
    second = {**refund, "id": 32, "created_at": at(50)}
    parcel = {"id": 41, "order_id": 9, "status": "success", "created_at": at(25), "updated_at": at(25)}

    cart = {"token": "cart-tok", "created_at": at(1), "updated_at": at(1), "line_items": [line()]}
    failed = {"id": 51, "order_id": 9, "kind": "sale", "status": "failure", "created_at": at(21)}

    def state(minutes: float, **fields: Any) -> JSON:
        return order(9, ANN, moment(20), token="tok", updated=moment(minutes), **BUYER, **fields)

    return [
        ("carts/create", cart),
        ("carts/update", {**cart, "updated_at": at(2), "line_items": [line(), line()]}),
        ("checkouts/create", checkout("tok", ANN, moment(5), **BUYER)),
        ("checkouts/update", checkout("tok", ANN, moment(5), moment(20), completed_at=at(20), **BUYER)),
        ("orders/create", state(20, financial_status="pending")),
        ("order_transactions/create", failed),
        ("orders/paid", state(22)),
        ("fulfillments/create", parcel),
        ("orders/partially_fulfilled", state(26, fulfillment_status="partial")),
        ("fulfillment_events/create", {"id": 1, "fulfillment_id": 41, "order_id": 9, "status": "delivered",
                                       "happened_at": at(30)}),
        ("orders/edited", {"order_edit": {"id": 61, "order_id": 9, "committed_at": at(33)}}),
        ("orders/fulfilled", state(35, fulfillment_status="fulfilled")),
        ("refunds/create", {**refund, "order_id": 9}),
        ("orders/updated", state(41, fulfillment_status="fulfilled", refunds=[refund])),
        ("refunds/create", {**second, "order_id": 9}),
        ("returns/request", {"id": 71, "order": {"id": 9}}),
        ("orders/updated", state(52, fulfillment_status="fulfilled", refunds=[refund, second])),
        ("orders/create", order(10, ANN, moment(53), **BUYER)),
        ("orders/cancelled", order(10, ANN, moment(53), updated=moment(54), cancelled_at=at(54), **BUYER)),
        ("orders/create", order(11, ANN, moment(55), **BUYER)),
        ("orders/delete", {"id": 11}),
    ]  # fmt: skip


def goods() -> list[Told]:
    """A product that gets dearer and is sold out, one that is deleted, a collection that is renamed."""

    def state(minutes: float, number: int = 5, price: str = "9.50", **fields: Any) -> JSON:
        listed = {"id": number * 10, "price": price, "compare_at_price": None, "inventory_item_id": number * 11}
        return {"id": number, "title": "Tea", "updated_at": at(minutes), "variants": [listed], **fields}

    level = {"inventory_item_id": 55, "location_id": 1}
    return [
        ("products/create", state(1)),
        ("products/update", state(5, price="9.90")),
        ("products/update", state(9, price="9.90", title="Green tea", variants=None)),
        ("inventory_levels/update", {**level, "available": 3, "updated_at": at(2)}),
        ("inventory_levels/update", {**level, "available": 0, "updated_at": at(6)}),
        ("products/create", state(2, 6)),
        ("products/delete", {"id": 6}),
        ("products/update", state(3, 6, price="1.00")),
        ("collections/create", {"id": 12, "title": "Season", "updated_at": at(1)}),
        ("collections/update", {"id": 12, "title": "Sale", "updated_at": at(4)}),
    ]


def end_of(product: Installation, deliveries: Sequence[Told], chance: Random) -> dict[str, Any]:
    """What a shop that begins with nothing holds at the end, worked off in batches of any size."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with product.deps.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    shop = product.connect(flows=[])
    product.at(moment(60))
    for topic, body in deliveries:
        shop.deliver(topic, body)
        if chance.random() < 0.2:
            product.settle("intake")
    product.settle("intake")
    return dump(shop)


def kept(row: Any) -> str:
    return repr({name: value for name, value in row._mapping.items() if name not in _INNER})


def dump(shop: ConnectedShop) -> dict[str, Any]:
    held: dict[str, Any] = {table.name: sorted(kept(row) for row in shop.rows(table)) for table in TABLES}
    # What was deleted before it was ever told of has nothing but its id.
    gone = {row.id for row in shop.rows(products) if row.deleted_at}
    held["products"] = [sorted(gone), *(kept(row) for row in shop.rows(products) if row.id not in gone)]
    held["variants"] = [kept(row) for row in shop.rows(variants) if row.product_id not in gone]
    told = [row for row in shop.rows(events) if row.name not in _CHANGES | _SEEN]
    return {**held, "events": sorted((row.name, row.subject, str(row.id)) for row in told)}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_order_any_number_of_times(product: Installation, seed: int) -> None:
    chance = Random(seed)
    once = [*purchase(), *goods()]
    expected = end_of(product, once, chance)
    assert all(expected.values()), "each table has something"
    mixed = [told for told in once for _ in range(3)]
    chance.shuffle(mixed)
    found = end_of(product, mixed, chance)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.long
def test_counting_per_delivery_shows(product: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a projection that does not remember what it counted counts again."""
    forgetful = order_projection.held_order
    monkeypatch.setattr(
        order_projection, "held_order", lambda scope, one: (row := forgetful(scope, one)) and {**row, "counted": None}
    )
    chance = Random(0)
    once = [*purchase(), *goods()]
    expected = end_of(product, once, chance)
    assert end_of(product, [told for told in once for _ in range(3)], chance)["persons"] != expected["persons"]
