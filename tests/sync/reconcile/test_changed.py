"""What the store has changed is listed by its time: what deliveries did not tell is found, page by page, within the
budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from connector.errors import RateLimited, Retry
from connector.models.reconcile import gaps, reconcile_passes
from connector.models.store import products
from connector.models.sync import fetches
from connector.sweep import due
from sync import fetch, reconcile
from sync.reconcile import changed, looks, passes
from tests.sync.world import NOON, HandClock, World, world

LOOK = passes.name(passes.CHANGED, "Product")


class Store:
    """The store's list of products, newest change last; answers as ``connector.shopify`` does."""

    def __init__(self) -> None:
        self.changed = {number: NOON - timedelta(days=2) for number in range(1, 8)}
        self.asked: list[dict[str, Any]] = []
        self.error: BaseException | None = None

    def query(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(variables))
        if self.error is not None:
            raise self.error
        assert name == "changed_products"
        asked = (variables.get("query") or "").replace("'", " ").split()
        since, until = (asked[1], asked[3] if len(asked) > 2 else "9") if asked else ("", "9")
        found = sorted((at.isoformat(), number) for number, at in self.changed.items())
        found = [one for one in found if since <= one[0] <= until]
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
    """Only the products are looked at."""
    monkeypatch.setattr(changed, "PAGE", 3)
    never = {one: {"due_at": datetime.max.replace(tzinfo=UTC)} for one in looks.LOOKS - {LOOK}}
    prepare = passes.prepare
    monkeypatch.setattr(
        passes, "prepare", lambda connection, shop_id, first: prepare(connection, shop_id, {**first, **never})
    )
    made = Store()
    with patch("connector.deps.Deps.store", return_value=made):
        yield made


def look(shop: World) -> bool:
    return reconcile.look_due(shop.deps, shop.shop, {}).more


def wished(shop: World) -> set[tuple[int, str | None]]:
    """Products that are to be read from the store, and who found them; forgotten with this look."""
    with shop.transaction() as connection:
        rows = connection.execute(select(fetches.c.remote_id, fetches.c.found_by).where(fetches.c.kind == "Product"))
        found = {tuple(row) for row in rows}
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
        return bool(due(connection, shop.clock).get("reconcile"))


def noted(shop: World) -> dict[int, str]:
    with shop.transaction() as connection:
        return {row.record_id: row.finding for row in connection.execute(select(gaps))}


@pytest.mark.row("S5-221")
def test_the_first_look_finds_everything_and_the_next_ones_what_changed(shop: World, store: Store) -> None:
    assert is_due(shop)
    while look(shop):
        pass
    assert {number for number, _ in wished(shop)} == {1, 2, 3, 4, 5, 6, 7} and len(store.asked) == 3
    assert noted(shop) == {}, "what the first look lists was not missed"
    assert not is_due(shop) and not look(shop)
    for number in store.changed:
        hold(shop, number, store.changed[number], [])
    shop.clock.pass_seconds(3599)
    assert not is_due(shop)
    store.changed[4] = shop.clock.at - timedelta(minutes=30)
    store.changed[8] = shop.clock.at - timedelta(minutes=20)
    store.changed[5] = shop.clock.at - timedelta(minutes=1)
    shop.clock.pass_seconds(2)
    assert is_due(shop)
    while look(shop):
        pass
    # The newest may still be told by its delivery.
    assert wished(shop) == {(4, "reconcile"), (8, "reconcile")}
    assert noted(shop) == {4: "behind", 8: "missed"}
    assert store.asked[-1]["query"].startswith(f"updated_at:>='{(NOON - changed.OVERLAP).isoformat()}'")


def test_what_is_held_as_new_is_not_read_again_and_what_is_held_in_part_is(shop: World, store: Store) -> None:
    hold(shop, 1, store.changed[1], [])
    hold(shop, 2, store.changed[2], None)
    hold(shop, 3, store.changed[3] - timedelta(seconds=1), [])
    while look(shop):
        pass
    assert {number for number, _ in wished(shop)} == {2, 3, 4, 5, 6, 7}


def test_collections_that_nobody_has_told_of_are_read(shop: World, store: Store) -> None:
    hold(shop, 1, store.changed[1], [77])
    while look(shop):
        pass
    with shop.transaction() as connection:
        assert list(connection.scalars(select(fetches.c.remote_id).where(fetches.c.kind == "Collection"))) == [77]


def test_what_a_delivery_asks_for_too_is_not_said_to_be_found(shop: World, store: Store) -> None:
    with shop.deps.open(shop.shop, found_by="reconcile") as scope:
        for number in (1, 2):
            fetch.wish(scope, "Product", number)
    with shop.deps.open(shop.shop) as scope:
        fetch.wish(scope, "Product", 2)
    assert wished(shop) == {(1, "reconcile"), (2, None)}


def test_an_interrupted_look_goes_on_at_its_page(shop: World, store: Store) -> None:
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
    assert {number for number, _ in wished(shop)} == {1, 2, 3, 4, 5, 6, 7}


def test_a_killed_workers_look_is_taken_over_and_two_workers_read_no_page_twice(shop: World, store: Store) -> None:
    store.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        look(shop)
    store.error = None
    assert not look(shop), "the lease still stands"
    shop.clock.pass_seconds(45)
    assert look(shop)
    with shop.transaction() as connection:
        row = connection.execute(select(reconcile_passes).where(reconcile_passes.c.look == LOOK)).one()
    assert row.cursor == "3" and row.began_at == NOON
