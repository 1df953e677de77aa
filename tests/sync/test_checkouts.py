"""Checkouts: the newest state holds, completion is final, and each change is told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events, exit_marks
from connector.models.person import identities, persons
from connector.models.store import checkouts
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import checkout, embedded, line, order

ANN = "ann@example.com"
MUG, BOWL = line(), line("Bowl", "45.00", product_id=102)


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def told(shop: ConnectedShop, minutes: float = 0, email: str | None = ANN, token: str = "tok", **fields: Any) -> None:
    shop.deliver("checkouts/update", checkout(token, email, START, at(minutes), **fields))
    shop.installation.settle("intake")


def names(shop: ConnectedShop) -> list[str]:
    return [row.name for row in sorted(shop.rows(events), key=lambda row: row.seq)]


def test_what_is_kept_of_a_checkout(shop: ConnectedShop) -> None:
    told(shop, items=[MUG, BOWL])
    row = shop.one(checkouts)
    assert (row.cart_token, row.email, row.currency, str(row.total)) == ("cart-tok", ANN, "EUR", "59.90")
    assert row.recovery_url == "https://goods.example/checkouts/tok/recover"
    assert [(item["title"], item["line_price"]) for item in row.items] == [
        ("Enamel camping mug", "14.90"),
        ("Bowl", "45.00"),
    ]
    assert {(one.kind, one.value) for one in shop.rows(identities)} == {
        ("email", ANN),
        ("checkout", "tok"),
        ("cart", "cart-tok"),
    }


def test_an_older_state_that_arrives_later_changes_nothing(shop: ConnectedShop) -> None:
    told(shop, 10, items=[MUG, BOWL])
    told(shop, 5, items=[MUG])
    assert len(shop.one(checkouts).items) == 2


def test_completion_is_final_in_either_order(shop: ConnectedShop) -> None:
    done = at(20).isoformat()
    told(shop, 20, token="first", completed_at=done)
    told(shop, 10, token="first")
    told(shop, 30, token="first")
    told(shop, 10, token="second")
    told(shop, 20, token="second", completed_at=done)
    assert [row.completed_at for row in shop.rows(checkouts)] == [at(20), at(20)]


def test_completion_that_arrives_after_a_later_edit_counts(shop: ConnectedShop) -> None:
    told(shop, 30)
    told(shop, 20, completed_at=at(20).isoformat())
    assert shop.one(checkouts).completed_at == at(20)
    assert "checkout_completed" in names(shop)


def test_each_change_is_told_once_and_a_mere_touch_is_a_change_of_its_time(shop: ConnectedShop) -> None:
    for _ in range(2):
        told(shop)
        told(shop, 5, items=[MUG, BOWL])
    assert names(shop) == ["checkout_started", "checkout_updated"]


def test_two_changes_of_one_second_are_two(shop: ConnectedShop) -> None:
    told(shop)
    told(shop, 5, items=[MUG])
    told(shop, 5, items=[MUG, BOWL])
    assert names(shop).count("checkout_updated") == 2
    assert len(shop.one(checkouts).items) == 2


def test_an_emptied_checkout_leaves_a_mark_and_a_completed_one_is_not_emptied(shop: ConnectedShop) -> None:
    told(shop)
    told(shop, 5, items=[])
    assert [row.name for row in shop.rows(exit_marks)] == ["cart_cleared"]
    told(shop, token="sold")
    told(shop, 5, token="sold", items=[], completed_at=at(5).isoformat())
    assert names(shop).count("cart_cleared") == 1


def test_an_order_completes_its_checkout_by_token_or_by_cart(shop: ConnectedShop) -> None:
    for token in ("one", "two", "three"):
        told(shop, token=token)
    shop.deliver("orders/create", order(1, ANN, at(9), token="one"))
    shop.deliver("orders/create", order(2, ANN, at(9), cart_token="cart-two"))
    shop.installation.settle("intake")
    completed = {row.token: row.completed_at for row in shop.rows(checkouts)}
    assert completed == {"one": at(9), "two": at(9), "three": None}


def test_the_account_of_the_buyer_names_the_person(shop: ConnectedShop) -> None:
    told(shop, email=None, customer=embedded(5, ANN, first_name="Ann"))
    person = shop.one(persons)
    assert (person.customer_id, person.email, person.first_name) == (5, ANN, "Ann")
    assert shop.one(checkouts).person_id == person.id


def test_a_second_checkout_of_a_known_cart_is_the_same_persons(shop: ConnectedShop) -> None:
    told(shop, cart_token="c1")
    told(shop, token="other", email=None, cart_token="c1")
    told(shop, token="foreign", email=None, cart_token="c2")
    person = shop.one(persons).id
    assert {row.token: row.person_id for row in shop.rows(checkouts)} == {
        "tok": person,
        "other": person,
        "foreign": None,
    }
