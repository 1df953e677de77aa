"""Carts: without a person at first, the person's as soon as a checkout names them; emptied, they end their own flow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events, exit_marks
from connector.models.person import persons
from connector.models.store import carts, checkouts
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import JSON, checkout, line, order

ANN = "ann@example.com"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def cart(minutes: float, *items: JSON, token: str = "cart-tok", **fields: Any) -> JSON:
    amount = {"shop_money": {"amount": "14.90", "currency_code": "EUR"}}
    lines = [{**item, "line_price_set": amount} for item in items]
    times = {"created_at": START.isoformat(), "updated_at": at(minutes).isoformat()}
    return {"id": token, "token": token, **times, "line_items": lines, **fields}


def told(shop: ConnectedShop, body: JSON) -> None:
    shop.deliver("carts/update", body)
    shop.installation.settle("intake")


def found(shop: ConnectedShop) -> list[Any]:
    return sorted(shop.rows(events), key=lambda row: row.seq)


def test_a_cart_is_nobodys_until_a_checkout_names_it(shop: ConnectedShop) -> None:
    for _ in range(2):
        told(shop, cart(0, line()))
        told(shop, cart(5, line(), line("Bowl", "45.00", product_id=102)))
    row = shop.one(carts)
    assert (len(row.items), str(row.total), row.currency) == (2, "59.90", "EUR")
    assert [(one.name, one.person_id) for one in found(shop)] == [("cart_created", None), ("cart_updated", None)]
    shop.deliver("checkouts/create", checkout("tok", ANN, at(6)))
    told(shop, cart(7, line()))
    ann = shop.one(persons).id
    assert {one.person_id for one in found(shop)} == {ann}, "what was before, and what comes after"


def test_states_out_of_order_and_thin_ones(shop: ConnectedShop) -> None:
    told(shop, cart(5, line(), line()))
    told(shop, cart(2, line()))
    told(shop, {"token": "cart-tok", "updated_at": at(6).isoformat()})
    row = shop.one(carts)
    assert len(row.items) == 2 and row.currency == "EUR"
    assert "cart_cleared" not in {one.name for one in found(shop)}
    told(shop, cart(4))
    assert "cart_cleared" not in {one.name for one in found(shop)}, "it was filled again since"


def test_an_emptied_cart_is_told_with_the_checkout_that_came_from_it(shop: ConnectedShop) -> None:
    told(shop, cart(0, line()))
    shop.deliver("checkouts/create", checkout("tok", ANN, at(1)))
    for _ in range(2):
        told(shop, cart(9))
    (cleared,) = [one for one in found(shop) if one.name == "cart_cleared"]
    assert (cleared.key, cleared.person_id) == ("tok", shop.one(persons).id)
    (mark,) = shop.rows(exit_marks)
    assert (mark.name, mark.key) == ("cart_cleared", "tok")


def test_a_deleted_checkout_is_found_by_its_cart(shop: ConnectedShop) -> None:
    shop.deliver("checkouts/create", checkout("tok", ANN, START))
    shop.deliver("checkouts/create", checkout("bought", ANN, START))
    shop.deliver("orders/create", order(9, ANN, at(1), token="bought"))
    for cart_token in ("cart-tok", "cart-tok", "cart-bought", "cart-unknown"):
        shop.deliver("checkouts/delete", {"id": 1, "cart_token": cart_token})
    shop.deliver("checkouts/delete", {"id": 1})
    shop.installation.settle("intake")
    gone = {row.token: row.deleted_at for row in shop.rows(checkouts)}
    assert gone["tok"] is not None and gone["bought"] is None
    assert [one.key for one in found(shop) if one.name == "checkout_deleted"] == ["tok"]
