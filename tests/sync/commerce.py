"""Orders, products and collections of a shop as the projections keep them, and a Brevo account over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import Table, insert, update

from connector.models.shop import shops as shops_table
from connector.models.store import collections, orders, products, variants
from connector.shops import load
from sync.wishes import wish
from tests.sandbox.provider_process import Account
from tests.sync.world import NOON, FakeBrevo, World, world

ITEM = {"product_id": 11, "variant_id": 111, "title": "Mug", "quantity": 2, "price": "9.50", "line_price": "19.00"}


@contextmanager
def connected(database_url: str, redis_url: str, account: Account, **settings: Any) -> Iterator[World]:
    """A world whose Brevo is the simulated provider's account."""
    base = f"{account.provider.url}/v3"
    with world(database_url, redis_url, brevo=FakeBrevo(answer=_forward), brevo_base_url=base, **settings) as made:
        key = made.deps.secrets.encrypt(made.shop.id, "brevo_key", account.key)
        with made.transaction() as connection:
            connection.execute(
                update(shops_table)
                .where(shops_table.c.id == made.shop.id)
                .values(brevo_key=key, settings={"url": "https://one.example"})
            )
            made.shop = load(connection, made.shop.id)
        yield made


def _forward(request: httpx.Request) -> httpx.Response:
    """The provider's own answer; what was asked stays in the world's ``brevo.requests``."""
    told = httpx.request(request.method, request.url, headers=request.headers, content=request.content)
    return httpx.Response(told.status_code, headers=told.headers, content=told.content)


def order(made: World, number: int, person_id: int | None, **values: Any) -> int:
    """An order of 40.00, paid, of two mugs; wished for at version 1."""
    row = {
        "id": number, "name": f"#{number}", "person_id": person_id, "currency": "EUR", "total": 40, "gross": 40,
        "refunds": {}, "refunded": 0, "financial_status": "paid", "items": [ITEM], "discount_codes": ["BACK10"],
        "billing": {"city": "Bonn", "country_code": "DE"}, "payment_method": "card", "test": False,
        "source_name": "web", "historical": False, "created_at": NOON, "source_updated_at": NOON, "version": 1,
        **values,
    }  # fmt: skip
    return _add(made, orders, "order", row)


def product(made: World, number: int, prices: dict[int, str], **values: Any) -> int:
    """A product with variants by id and price; wished for at version 1."""
    row = {
        "id": number, "title": f"Mug {number}", "handle": f"mug-{number}", "image_url": "https://img.example/m.png",
        "status": "active", "vendor": "Potter", "product_type": "Mugs", "tags": ["blue"], "price_min": min(
            prices.values(), key=float
        ), "collection_ids": [7], "source_updated_at": NOON, "version": 1, **values,
    }  # fmt: skip
    with made.transaction() as connection:
        for place, (variant_id, price) in enumerate(prices.items(), start=1):
            connection.execute(
                insert(variants).values(
                    shop_id=made.shop.id, id=variant_id, product_id=number, title=f"Size {place}", position=place,
                    sku=f"M-{variant_id}", price=price, compare_at_price="30.00", inventory_quantity=5,
                )
            )  # fmt: skip
    return _add(made, products, "product", row)


def collection(made: World, number: int, **values: Any) -> int:
    row = {"id": number, "title": f"Kitchen {number}", "handle": f"kitchen-{number}", "version": 1, **values}
    return _add(made, collections, "category", row)


def change(made: World, table: Table, entity: str, number: int, **values: Any) -> None:
    """A change that Brevo should see, with its version and wish; a minute later, so that no window is open."""
    made.clock.pass_seconds(60)
    with made.transaction() as connection, made.scope(connection) as scope:
        version = connection.execute(
            update(table)
            .where(table.c.shop_id == made.shop.id, table.c.id == number)
            .values(version=table.c.version + 1, **values)
            .returning(table.c.version)
        ).scalar_one()
        wish(scope, entity, number, version)
    made.clock.pass_seconds(1.1)


def later(minutes: int) -> Any:
    return NOON + timedelta(minutes=minutes)


def _add(made: World, table: Table, entity: str, row: dict[str, Any]) -> int:
    with made.transaction() as connection, made.scope(connection) as scope:
        connection.execute(insert(table).values(shop_id=made.shop.id, **row))
        wish(scope, entity, row["id"], row["version"])
    return int(row["id"])
