"""The hourly pass over the store's catalogue: what webhooks did not tell is found, page by page, within the budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from connector.errors import RateLimited, Retry
from connector.models.store import products
from connector.models.sync import catalogue_passes, fetches
from connector.sweep import due
from sync import catalogue_pass
from tests.sync.world import NOON, HandClock, World, world


class Store:
    """The store's list of products, newest change last; answers as ``connector.shopify`` does."""

    def __init__(self) -> None:
        self.changed = {number: NOON - timedelta(days=2) for number in range(1, 8)}
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def query(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(variables))
        if self.error is not None:
            raise self.error
        assert name == "changed_products"
        since = variables.get("query")
        moment = since.split("'")[1] if since else ""
        found = sorted((at.isoformat(), number) for number, at in self.changed.items() if at.isoformat() >= moment)
        start = int(variables["after"] or 0)
        page = found[start : start + variables["first"]]
        more = start + len(page) < len(found)
        return {
            "products": {
                "nodes": [{"id": f"gid://shopify/Product/{number}", "updatedAt": at} for at, number in page],
                "pageInfo": {"hasNextPage": more, "endCursor": str(start + len(page))},
            }
        }


class MovingClock(HandClock):
    """Business time moves with machine time."""

    def now(self) -> Any:
        return self.at


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url, MovingClock()) as made:
        yield made


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(catalogue_pass, "PAGE", 3)
    made = Store()
    with patch("connector.deps.Deps.store", return_value=made):
        yield made


def look(shop: World) -> bool:
    return catalogue_pass.look_due(shop.deps, shop.shop).more


def wished(shop: World) -> set[int]:
    """Products that are to be read from the store; forgotten with this look."""
    with shop.transaction() as connection:
        found = set(connection.scalars(select(fetches.c.remote_id).where(fetches.c.kind == "Product")))
        connection.execute(fetches.delete())
    return found


def hold(shop: World, number: int, at: Any, collections: list[int] | None) -> None:
    with shop.transaction() as connection:
        connection.execute(
            products.insert().values(
                shop_id=shop.shop.id, id=number, title="Mug", source_updated_at=at, collection_ids=collections
            )
        )


def is_due(shop: World) -> bool:
    with shop.transaction() as connection:
        return bool(due(connection, shop.clock).get("catalogue"))


@pytest.mark.row("S5-221")
def test_the_first_pass_finds_everything_and_the_next_ones_what_changed(shop: World, store: Store) -> None:
    assert is_due(shop)
    while look(shop):
        pass
    assert wished(shop) == {1, 2, 3, 4, 5, 6, 7} and len(store.asked) == 3
    assert not is_due(shop) and not look(shop)
    for number in store.changed:
        hold(shop, number, store.changed[number], [])
    shop.clock.pass_seconds(3599)
    assert not is_due(shop)
    store.changed[4] = shop.clock.at - timedelta(minutes=30)
    shop.clock.pass_seconds(2)
    assert is_due(shop)
    while look(shop):
        pass
    assert wished(shop) == {4}
    assert store.asked[-1]["query"] == f"updated_at:>='{(NOON - catalogue_pass.OVERLAP).isoformat()}'"


def test_what_is_held_as_new_is_not_read_again_and_what_is_held_in_part_is(shop: World, store: Store) -> None:
    hold(shop, 1, store.changed[1], [])
    hold(shop, 2, store.changed[2], None)
    hold(shop, 3, store.changed[3] - timedelta(seconds=1), [])
    while look(shop):
        pass
    assert wished(shop) == {2, 3, 4, 5, 6, 7}


def test_collections_that_nobody_has_told_of_are_read(shop: World, store: Store) -> None:
    hold(shop, 1, store.changed[1], [77])
    while look(shop):
        pass
    with shop.transaction() as connection:
        assert list(connection.scalars(select(fetches.c.remote_id).where(fetches.c.kind == "Collection"))) == [77]


def test_an_interrupted_pass_goes_on_at_its_page(shop: World, store: Store) -> None:
    assert look(shop)
    store.error = RateLimited("shopify", "our half of the query budget is used up", after=4.0)
    assert not look(shop) and not is_due(shop)
    shop.clock.pass_seconds(4.1)
    store.error = None
    assert is_due(shop) and look(shop)
    assert [one["after"] for one in store.asked] == [None, "3", "3"]
    store.error = Retry("shopify", "server error")
    for wait in (5, 30):
        assert not look(shop)
        shop.clock.pass_seconds(wait - 1)
        assert not is_due(shop)
        shop.clock.pass_seconds(1.1)
    store.error = None
    assert not look(shop)
    assert wished(shop) == {1, 2, 3, 4, 5, 6, 7}


def test_a_killed_workers_pass_is_taken_over_and_two_workers_read_no_page_twice(shop: World, store: Store) -> None:
    store.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        look(shop)
    store.error = None
    assert not look(shop), "the lease still stands"
    shop.clock.pass_seconds(15)
    assert look(shop)
    with shop.transaction() as connection:
        row = connection.execute(select(catalogue_passes)).one()
    assert row.cursor == "3" and row.began_at == NOON
