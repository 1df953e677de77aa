"""Values that are computed from what somebody bought, and who is told again when they change by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from connector.attribute_values import Dropped
from connector.models.mapping import profile_passes
from connector.models.person import consents, person_work, persons
from connector.models.store import collections, orders, products
from connector.models.sync import sync_state
from connector.shops import Shop
from connector.sweep import due
from flows.core import rfm
from flows.core.rfm import Borders
from sync import profile_pass, profile_sources, profile_values
from sync.profile_values import VALUES
from sync.profile_values.value import Known
from tests.sync.world import NOON, HandClock, World, world

DAY = timedelta(days=1)


class MovingClock(HandClock):
    """Business time moves with machine time."""

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url, MovingClock()) as made:
        yield made


def put(shop: World, table: Any, **values: Any) -> None:
    with shop.transaction() as connection:
        connection.execute(insert(table).values(shop_id=shop.shop.id, **values))


def order(shop: World, number: int, person: int, days_ago: float, *products_: int, **values: Any) -> None:
    items = [{"product_id": one, "title": f"Product {one}", "quantity": 2, "price": "5.00"} for one in products_]
    row = {
        "name": f"#{number}", "person_id": person, "total": 10 * number, "items": items, "discount_codes": [],
        "test": False, "source_name": "web", **values,
    }  # fmt: skip
    at = NOON - days_ago * DAY
    put(shop, orders, id=number, created_at=at, source_updated_at=at, **row)


def read(shop: World, *people: int, names: Any = tuple(VALUES), settings: dict[str, Any] | None = None) -> Any:
    chosen = shop.shop if settings is None else mapping_with(shop, settings)
    rows = {one: {"orders_count": 0, "total_spent": 0, "first_order_at": None, "last_order_at": None} for one in people}
    with shop.transaction() as connection:
        return profile_values.read(connection, chosen, rows, names)


def mapping_with(shop: World, settings: dict[str, Any]) -> Shop:
    return replace(shop.shop, raw_settings={**shop.shop.raw_settings, **settings})


def catalogue(shop: World) -> None:
    put(shop, collections, id=7, title="Summer")
    for number, kind, vendor in ((1, "Mug", "Ada"), (2, "Mug", "Bell"), (3, "Plate", "Bell"), (4, None, "")):
        put(
            shop, products, id=number, title=f"Product {number}", product_type=kind, vendor=vendor,
            collection_ids=[7] if number == 4 else [],
        )  # fmt: skip


def test_values_of_orders_and_only_of_those_that_count(shop: World) -> None:
    catalogue(shop)
    ann, bob = shop.person(1), shop.person(2)
    order(shop, 1, ann, 30, 1, discount_codes=["OLD", "HELLO"])
    order(shop, 2, ann, 20, 2)
    order(shop, 3, ann, 10, 3, total=33)
    for number, how in enumerate(
        ({"test": True}, {"source_name": "pos"}, {"cancelled_at": NOON}, {"deleted_at": NOON}), start=4
    ):
        order(shop, number, ann, 1, 3, 3, **how)
    order(shop, 9, bob, 5, 4)
    found = read(shop, ann, bob)
    of_ann = found[ann]
    assert (of_ann["last_order_id"], of_ann["last_order_name"], of_ann["last_order_amount"]) == (3, "#3", 33)
    assert (of_ann["last_order_items"], of_ann["last_coupon"]) == (["Product 3"], "HELLO")
    assert of_ann["days_between_orders"] == 10.0
    assert (of_ann["favourite_product_type"], of_ann["favourite_category"]) == ("Mug", "Mug")
    assert of_ann["favourite_vendor"] == "Bell", "two products of four pieces"
    assert found[bob]["favourite_category"] == found[bob]["favourite_collection"] == "Summer", "where there is no type"
    assert found[bob]["days_between_orders"] is None and found[bob]["rfm_score"] is None
    # The control: with the shop's setting the order at the till counts.
    assert read(shop, ann, settings={"include_pos_orders": True})[ann]["last_order_id"] == 5


def test_what_was_taken_out_of_an_order_is_nobodys_favourite(shop: World) -> None:
    catalogue(shop)
    ann = shop.person(1)
    items = [{"product_id": 1, "quantity": 9, "current_quantity": 0}, {"product_id": 3, "quantity": 1, "title": "P"}]
    order(shop, 1, ann, 1, items=items)
    assert read(shop, ann)[ann]["favourite_product_type"] == "Plate"
    assert read(shop, ann)[ann]["last_order_items"] == ["P"]


def test_another_shops_orders_are_not_looked_at(shop: World) -> None:
    ann = shop.person(1)
    order(shop, 1, ann, 1)
    with shop.transaction() as connection:
        connection.execute(orders.update().values(shop_id=shop.shop.id + 1))
    assert read(shop, ann)[ann]["last_order_id"] is None


def test_whoever_objects_to_profiling_is_in_no_group(shop: World) -> None:
    catalogue(shop)
    ann = shop.person(1)
    order(shop, 1, ann, 1, 1)
    put(
        shop, consents, person_id=ann, channel="any", purpose="profiling", state="unsubscribed", source="test",
        evidence_at=NOON,
    )  # fmt: skip
    found = read(shop, ann)[ann]
    assert found["last_order_id"] == 1
    objected = {name for name, value in found.items() if isinstance(value, Dropped)}
    assert objected == {name for name, one in VALUES.items() if one.profiling}


@pytest.mark.parametrize("people", [1, 40])
def test_a_batch_takes_as_many_statements_as_one_person(shop: World, people: int) -> None:
    numbers = [shop.person(one) for one in range(people)]
    for number in numbers:
        order(shop, number, number, 1, 1)
    said: list[str] = []
    event.listen(shop.deps.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    read(shop, *numbers)
    assert len(said) == 4
    said.clear()
    read(shop, *numbers, names=("average_order_value", "lifetime_days"))
    assert said == []


def test_values_of_the_person_alone() -> None:
    row = {
        "orders_count": 3, "total_spent": Decimal("100.00"), "first_order_at": NOON - 9 * DAY, "last_order_at": NOON,
    }  # fmt: skip
    assert VALUES["average_order_value"].of(Known(row)) == Decimal("33.33")
    assert VALUES["lifetime_days"].of(Known(row)) == 9
    assert VALUES["average_order_value"].of(Known({**row, "orders_count": 0})) is None


def test_fifths_and_their_edges() -> None:
    borders = Borders([NOON - n * DAY for n in (40, 30, 20, 10)], [1, 2, 3, 4], [10, 20, 30, 40])  # type: ignore[list-item]

    def score(days: float, count: int, spent: int) -> str | None:
        row = {"last_order_at": NOON - days * DAY, "orders_count": count, "total_spent": spent}
        return rfm.score(row, borders)

    assert score(100, 1, 10) == "111", "whoever is on a border is below it"
    assert score(39, 2, 11) == "222"
    assert score(0, 5, 41) == "555"
    assert (
        score(0, 0, 0) is None
        and rfm.score({"orders_count": 1, "last_order_at": NOON, "total_spent": 1}, Borders()) is None
    )


# --- told again


RFM = {"contact_mapping": {"RFM_SCORE": {"from": "rfm_score", "type": "text"}}}


def customers(shop: World, count: int) -> list[int]:
    """Customers whom Brevo has; the later ones bought later, more often and for more."""
    made = []
    for n in range(1, count + 1):
        at = NOON - (50 - n) * DAY
        person = shop.person(n, orders_count=n, total_spent=10 * n, first_order_at=at, last_order_at=at)
        put(shop, person_work, person_id=person, pending=False, since_real=NOON)
        put(
            shop, sync_state, entity="contact", entity_id=person, wanted_version=1, sent_version=1, state="done",
            due_real=NOON, attempts=0,
        )  # fmt: skip
        made.append(person)
    return made


def due_again(shop: World) -> list[int]:
    """Contacts that are to be told again, in bulk; forgotten with this look."""
    query = select(sync_state.c.entity_id).where(sync_state.c.wanted_version > sync_state.c.sent_version)
    with shop.transaction() as connection:
        found = sorted(connection.scalars(query.where(sync_state.c.quiet)))
        connection.execute(sync_state.update().values(sent_version=sync_state.c.wanted_version, state="done"))
    return found


def go_through(shop: World, settings: dict[str, Any]) -> None:
    chosen = mapping_with(shop, settings)
    while profile_pass.pass_due(shop.deps, chosen).more:
        pass


def ask(shop: World, settings: dict[str, Any]) -> None:
    with shop.deps.open(mapping_with(shop, settings)) as scope:
        profile_pass.ask(scope)


def is_due(shop: World) -> bool:
    with shop.transaction() as connection:
        return bool(due(connection, shop.clock).get("profiles"))


def row(shop: World) -> Any:
    with shop.transaction() as connection:
        return connection.execute(select(profile_passes)).one()


def test_a_changed_mapping_tells_everybody_again_once_and_slice_by_slice(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_pass, "SLICE", 2)
    known = customers(shop, 5)
    shop.person(9)
    assert not is_due(shop)
    ask(shop, {})
    assert is_due(shop)
    go_through(shop, {})
    assert due_again(shop) == known, "not somebody whom Brevo does not have yet"
    assert not is_due(shop) and row(shop).due_at is None, "nothing of this mapping changes by itself"


def test_a_pass_that_was_interrupted_goes_on_and_a_new_mapping_begins_anew(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_pass, "SLICE", 2)
    known = customers(shop, 5)
    ask(shop, {})
    for _ in range(2):
        profile_pass.pass_due(shop.deps, shop.shop)
    assert due_again(shop) == known[:2]
    with shop.transaction() as connection:
        connection.execute(profile_passes.update().values(lease_real=shop.clock.machine() + timedelta(seconds=9)))
    assert not profile_pass.pass_due(shop.deps, shop.shop).more, "somebody else has it"
    shop.clock.pass_seconds(10)
    go_through(shop, {})
    assert due_again(shop) == known[2:]
    ask(shop, {})
    go_through(shop, {})
    assert due_again(shop) == known


def test_every_night_those_are_told_who_are_in_another_fifth(shop: World) -> None:
    known = customers(shop, 10)
    ask(shop, RFM)
    go_through(shop, RFM)
    assert due_again(shop) == known
    with shop.transaction() as connection:
        people = {one: row_of(shop, connection, one) for one in known}
        found = profile_sources.read(connection, mapping_with(shop, RFM), people)
    scores = [found[one]["rfm_score"] for one in known]
    assert scores == sorted(scores) and scores[0] == "111" and scores[-1] == "555"
    assert not is_due(shop)
    shop.clock.pass_seconds(12 * 3600)
    assert is_due(shop), "midnight of the shop"
    go_through(shop, RFM)
    assert due_again(shop) == [], "nobody has bought since"
    # The one who bought least buys most, and is told when that is heard. Of the others, who move by one place, those at
    # a border change their fifth.
    shop.change(known[0], orders_count=99, total_spent=9999, last_order_at=NOON + DAY)
    due_again(shop)
    shop.clock.pass_seconds(24 * 3600)
    go_through(shop, RFM)
    assert due_again(shop) == [known[2], known[4], known[6], known[8]]


def row_of(shop: World, connection: Any, person: int) -> Any:
    return connection.execute(select(persons).where(persons.c.id == person)).mappings().one()


def test_days_are_counted_by_the_shops_calendar(shop: World) -> None:
    entry = {"from": "last_order_at", "type": "float", "transform": "days_since"}
    settings = {"contact_mapping": {"DAYS": entry}}
    known = customers(shop, 2)
    ask(shop, settings)
    with shop.transaction() as connection:
        people = {one: row_of(shop, connection, one) for one in known}
        found = profile_sources.read(connection, mapping_with(shop, settings), people)
    assert {one["today"] for one in found.values()} == {NOON.date()}
    go_through(shop, settings)
    due_again(shop)
    shop.clock.pass_seconds(24 * 3600)
    go_through(shop, settings)
    assert due_again(shop) == known and row(shop).day == (NOON + DAY).date()
