"""What thin payloads lack is read from the store: wishes join, failures come back, silence erases nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.http import NoAnswer
from connector.models.event import events
from connector.models.person import consents, persons
from connector.models.store import products
from connector.models.sync import fetches
from sync import fetch
from tests.engine.installation import HOUR, START, ConnectedShop, Installation, installation
from tests.engine.payloads import checkout, customer, line
from tests.engine.shoppers import begin_checkout
from tests.sync.store_answers import AnsweringStore, customer_node, product_node

ANN = "ann@example.com"
GID = "gid://shopify/Customer/1"
DENIED = {"message": "Access denied", "extensions": {"code": "ACCESS_DENIED"}}


@pytest.fixture
def store() -> AnsweringStore:
    return AnsweringStore()


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path, store: AnsweringStore) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, http=store) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome"])


def wish(shop: ConnectedShop, *customer_ids: int) -> None:
    with shop.scope() as scope:
        for customer_id in customer_ids:
            fetch.wish(scope, "Customer", customer_id)


def updated(shop: ConnectedShop, minutes: int = 0, **fields: Any) -> None:
    shop.deliver("customers/update", customer(1, ANN, START + timedelta(minutes=minutes), **fields))


def fetched(product: Installation) -> None:
    product.settle("intake", "fetch")


def test_five_wishes_are_one_query(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    store.nodes[GID] = customer_node(1)
    for minute in range(5):
        updated(shop, minute)
    fetched(product)
    assert store.asked == [[GID]]
    assert shop.one(fetches).state == "done"


def test_changes_that_nobody_waits_for_join_while_time_passes(
    database_url: str, redis_url: str, tmp_path: Path, store: AnsweringStore
) -> None:
    """A new customer is asked for at once; of a known one further changes are waited for."""
    with installation(database_url, redis_url, tmp_path, http=store, fetch_coalesce_seconds=10.0) as product:
        shop = product.connect(flows=[])
        for minute in range(4):
            updated(shop, minute)
            fetched(product)
        assert store.asked == [[GID]]
        product.skip(11)
        fetched(product)
        assert store.asked == [[GID], [GID]]


def test_many_are_asked_for_together(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    wish(shop, *range(1, 121))
    fetched(product)
    assert [len(ids) for ids in store.asked] == [50, 50, 20]
    assert sorted(one for ids in store.asked for one in ids) == sorted(
        f"gid://shopify/Customer/{number}" for number in range(1, 121)
    )


def test_a_wish_while_the_answer_is_under_way_is_answered_by_another_query(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    store.answers = [lambda: wish(shop, 1)]
    wish(shop, 1)
    fetched(product)
    assert store.asked == [[GID], [GID]]
    assert shop.one(fetches).state == "done"


def test_what_the_store_tells_is_applied(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    store.nodes[GID] = customer_node(1)
    updated(shop)
    fetched(product)
    ann = shop.one(persons)
    told = (ann.first_name, ann.phone, ann.locale, ann.tags, ann.orders_count, str(ann.total_spent), ann.city)
    assert told == ("Ann", "+33612345678", "fr", ["vip"], 4, "123.40", "Lyon")
    agreed = shop.one(consents)
    assert (agreed.state, agreed.level, agreed.source) == ("subscribed", "confirmed_opt_in", "shopify")
    product.settle("flows")
    assert "newsletter_subscribed" in [row.name for row in shop.rows(events)]


@pytest.mark.parametrize("failure", [NoAnswer("cut"), 500, 502, 429], ids=str)
def test_a_failure_that_passes_is_tried_again_later(
    product: Installation, shop: ConnectedShop, store: AnsweringStore, failure: Any
) -> None:
    store.nodes[GID] = customer_node(1)
    store.answers = [failure]
    updated(shop)
    fetched(product)
    row = shop.one(fetches)
    assert (row.state, len(store.asked)) == ("due", 1) and row.reason
    product.skip(31)
    fetched(product)
    assert shop.one(fetches).state == "done" and shop.one(persons).tags == ["vip"]


def test_a_failure_for_good_says_why_and_a_new_wish_tries_again(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    store.answers = [403]
    wish(shop, 1)
    fetched(product)
    row = shop.one(fetches)
    assert row.state == "failed" and "scopes" in row.reason
    product.skip(86_400)
    fetched(product)
    assert len(store.asked) == 1, "nobody asks again by himself"
    wish(shop, 1)
    fetched(product)
    assert shop.one(fetches).state == "done"


def test_a_killed_reader_loses_nothing(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    wish(shop, 1)
    store.answers = [KeyError("killed")]
    with pytest.raises(KeyError):
        product.settle("fetch")
    assert shop.one(fetches).state == "leased"
    product.settle("fetch")
    assert len(store.asked) == 1, "the lease still stands"
    product.skip(31)
    product.settle("fetch")
    assert shop.one(fetches).state == "done"


def test_partial_data_does_not_erase_what_is_known(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    """Without approval for protected data the store answers null for names and addresses."""
    store.nodes[GID] = customer_node(1)
    updated(shop)
    fetched(product)
    before, agreed = shop.one(persons), shop.one(consents)
    thin = customer_node(1, firstName=None, lastName=None, defaultEmailAddress=None, defaultPhoneNumber=None)
    store.nodes[GID] = {**thin, "defaultAddress": None, "tags": None, "numberOfOrders": None, "amountSpent": None}
    wish(shop, 1)
    fetched(product)
    assert shop.one(persons) == before and shop.one(consents) == agreed


def test_an_answer_that_is_refused_in_part_erases_nothing(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    """It does not say which part, so nothing of it is believed; it is asked for again, but not for ever."""
    store.nodes[GID] = customer_node(1)
    updated(shop)
    fetched(product)
    before = shop.one(persons)
    partly = {"data": {"nodes": [customer_node(1, firstName=None)], "x": 1}, "errors": [DENIED]}
    store.answers = [partly] * 100
    wish(shop, 1)
    while shop.one(fetches).state == "due":
        fetched(product)
        product.skip(7_201)
    assert shop.one(persons) == before
    assert shop.one(fetches).state == "failed" and len(store.asked) == 1 + 7


def test_of_a_partial_answer_what_came_is_applied_and_the_rest_asked_for_again(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    gids = [f"gid://shopify/Customer/{number}" for number in (1, 2, 3)]
    for number, gid in enumerate(gids, 1):
        email = {"emailAddress": f"{number}@example.com", "marketingState": "SUBSCRIBED"}
        store.nodes[gid] = customer_node(number, defaultEmailAddress=email)
    store.denied = {gids[1]: "tags", gids[2]: ""}
    wish(shop, 1, 2, 3)
    fetched(product)
    assert {row.remote_id: row.state for row in shop.rows(fetches)} == {1: "done", 2: "due", 3: "due"}
    tags = {row.customer_id: row.tags for row in shop.rows(persons)}
    assert tags.keys() == {1, 2} and tags[1] == ["vip"] and not tags[2]
    store.denied = {}
    product.skip(31)
    fetched(product)
    assert sorted(store.asked[-1]) == gids[1:], "only these are asked for again"
    assert [row.tags for row in shop.rows(persons)] == [["vip"]] * 3
    assert {row.state for row in shop.rows(fetches)} == {"done"}


def test_waiting_for_a_limit_is_no_failure(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    store.nodes[GID] = customer_node(1)
    store.answers = [429] * 20
    wish(shop, 1)
    for _ in range(20):
        product.settle("fetch")
        assert shop.one(fetches).state == "due"
        product.skip(2)
    # The control: as many answers that are failures end it.
    store.answers = [500] * 20
    for _ in range(20):
        product.settle("fetch")
        product.skip(7_201)
    assert shop.one(fetches).state == "failed"


def test_a_customer_that_is_gone_is_answered_too(product: Installation, shop: ConnectedShop) -> None:
    updated(shop, first_name="Ann")
    fetched(product)
    assert shop.one(fetches).state == "done" and shop.one(persons).first_name == "Ann"


def test_a_tie_of_times_is_settled_by_the_store(
    product: Installation, shop: ConnectedShop, store: AnsweringStore
) -> None:
    """Two states of one second arrive in either order: what the store says in the end is what holds."""
    store.nodes[GID] = customer_node(1, firstName="Anna")
    for names in (("Ann", "Anna"), ("Anna", "Ann")):
        for name in names:
            updated(shop, first_name=name)
        fetched(product)
        assert shop.one(persons).first_name == "Anna"


def test_products_are_asked_for_once(product: Installation, shop: ConnectedShop, store: AnsweringStore) -> None:
    store.nodes |= {f"gid://shopify/Product/{number}": product_node(number) for number in (1, 2)}
    items = [line(product_id=1), line(product_id=2), line(product_id=1)]
    begin_checkout(shop, ANN, "one", items=items)
    fetched(product)
    later = START + HOUR
    product.at(later)
    shop.deliver("checkouts/update", checkout("one", ANN, START, later, items=items))
    fetched(product)
    asked = [ids for ids in store.asked if "Product" in ids[0]]
    assert len(asked) == 1 and len(asked[0]) == 2
    assert [row.image_url for row in shop.rows(products)] == [
        "https://goods.example/1.jpg",
        "https://goods.example/2.jpg",
    ]
