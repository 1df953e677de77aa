"""A visit of the flow engine: whom it claims, whom it leaves with work to do, and how often it asks PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import event, insert, select, text

from connector.db.session import transaction
from connector.models.event import pending_events
from connector.models.flow import decisions, timers
from connector.models.person import person_work, persons
from connector.models.store import products
from connector.models.sync import fetches
from flows.engine import decide
from flows.engine.decide import decide_due
from flows.engine.people import load
from flows.engine.writes import Writes
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import BIG, customer, line
from tests.engine.shoppers import begin_checkout, buy, by_customer


@contextmanager
def held(shop: ConnectedShop, person_id: int) -> Iterator[None]:
    """Another transaction works on this person meanwhile."""
    query = (
        select(person_work)
        .where(person_work.c.shop_id == shop.id, person_work.c.person_id == person_id)
        .with_for_update()
    )
    with transaction(shop.deps.engine) as connection:
        connection.execute(query)
        yield


@contextmanager
def statements(shop: ConnectedShop) -> Iterator[list[str]]:
    """What is asked of PostgreSQL meanwhile; BEGIN and COMMIT come on top."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(shop.deps.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(shop.deps.engine, "before_cursor_execute", note)


def pending(shop: ConnectedShop) -> list[int]:
    return [row.person_id for row in shop.rows(person_work, pending=True)]


def begin(product: Installation, shop: ConnectedShop, count: int) -> list[int]:
    """So many people each begin a checkout that nobody has decided about yet."""
    for number in range(count):
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}")
    product.settle("intake")
    assert len(pending(shop)) == count
    return pending(shop)


def test_whom_another_holds_is_left_out_and_takes_no_place_in_the_batch(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, fourth = begin(product, shop, 4)
    monkeypatch.setattr(decide, "BATCH", 2)
    with held(shop, first):
        batch = decide_due(product.deps, shop.shop)
    assert (batch.done, batch.more) == (2, True)
    assert pending(shop) == [first, fourth]
    # Held by nobody, the first is claimed first.
    assert decide_due(product.deps, shop.shop).done == 2
    assert pending(shop) == []


def test_timers_of_whom_another_holds_are_left_out(product: Installation, shop: ConnectedShop) -> None:
    first, second = begin(product, shop, 2)
    assert decide_due(product.deps, shop.shop).done == 2
    product.at(product.now + HOUR)
    with held(shop, first):
        assert decide_due(product.deps, shop.shop).done == 1
    due = timers.c.due_at <= product.now
    with product.deps.engine.connect() as connection:
        assert connection.scalars(select(timers.c.person_id).where(due)).all() == [first]


def test_due_timers_fill_the_batch_and_a_full_batch_still_hears_its_own(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = begin(product, shop, 3)
    assert decide_due(product.deps, shop.shop).done == 3
    product.at(product.now + HOUR)
    begin_checkout(shop, "p1@example.com", "tok-another")
    product.settle("intake")
    assert pending(shop) == [second]
    before = {row.id for row in shop.rows(decisions)}

    # One place: it is the second's, who has an event, and whose timer is due as well.
    monkeypatch.setattr(decide, "BATCH", 1)
    assert decide_due(product.deps, shop.shop).done == 1
    heard = [row for row in shop.rows(decisions) if row.id not in before and "gate" not in row.stimulus]
    assert {row.person_id for row in heard} == {second}
    rang = ["clock" in row.stimulus for row in heard]
    assert any(rang) and not rang[0], "events come first"

    # The others only have timers.
    monkeypatch.setattr(decide, "BATCH", 3)
    assert decide_due(product.deps, shop.shop).done == 2
    assert decide_due(product.deps, shop.shop).done == 0


def test_who_has_other_undecided_events_stays_pending(product: Installation, shop: ConnectedShop) -> None:
    (ann,) = begin(product, shop, 1)
    decided, *others = (row.event_id for row in shop.rows(pending_events))
    assert others

    def decide_about(*what: tuple[int, UUID]) -> set[UUID]:
        with shop.scope() as scope:
            Writes(persons={ann}, decided=list(what)).write(scope)
        return {row.event_id for row in shop.rows(pending_events)}

    assert decide_about((ann, decided)) == set(others) and pending(shop) == [ann]
    # An event that reaches several people is decided for each of them.
    assert decide_about(*((ann + 1, event_id) for event_id in others)) == set(others) and pending(shop) == [ann]
    assert decide_about(*((ann, event_id) for event_id in others)) == set() and pending(shop) == []


def test_a_person_without_events_comes_to_rest_too(product: Installation, shop: ConnectedShop) -> None:
    (ann,) = begin(product, shop, 1)
    with transaction(product.deps.engine) as connection:
        connection.execute(text("DELETE FROM pending_events"))
    with shop.scope() as scope:
        Writes(persons={ann}).write(scope)
    assert pending(shop) == []


def test_people_are_loaded_with_their_consents_and_whether_the_store_is_being_asked(
    product: Installation, shop: ConnectedShop
) -> None:
    # A product of the number of a customer is being read as well.
    begin_checkout(shop, "ann@example.com", items=[line(product_id=7)], **by_customer(7, "ann@example.com"))
    begin_checkout(shop, "guest@example.com", "tok-guest")
    shop.deliver("customers/create", customer(8, "bob@example.com", product.now))
    product.settle("intake")
    shop.change(fetches, {"state": "done"}, kind="Customer", remote_id=7)
    assert shop.one(fetches, kind="Product", remote_id=7).state == "due"
    with shop.scope() as scope:
        known = load(scope, [row.id for row in shop.rows(persons)])
    assert {person.row["email"]: (person.consent, person.consent_pending) for person in known.values()} == {
        "ann@example.com": ({"email": "subscribed"}, False),
        "guest@example.com": ({"email": "subscribed"}, False),
        "bob@example.com": ({}, True),
    }


def test_a_checkout_is_shown_with_the_pages_of_the_products_that_are_known(
    product: Installation, shop: ConnectedShop
) -> None:
    page = {"url": "https://goods.example/mug", "image_url": "https://img.example/mug.png"}
    with transaction(product.deps.engine) as connection:
        connection.execute(insert(products).values(shop_id=shop.id, id=BIG, title="Mug", **page))
    items = [line(product_id=BIG), line(product_id=BIG - 1), {**line(), "product_id": None}]
    begin_checkout(shop, "ann@example.com", items=items)
    begin_checkout(shop, "ann@example.com", "bare", items=[])
    product.settle("intake")
    with shop.scope() as scope:
        (ann,) = load(scope, [shop.one(persons).id], tokens=["tok", "bare"]).values()
    nothing = {"url": None, "image_url": None}
    shown = [{name: item[name] for name in page} for item in ann.checkouts["tok"]["items"]]
    assert shown == [page, nothing, nothing]
    assert ann.checkouts["bare"]["items"] == []


def test_a_visit_asks_for_what_it_needs_and_no_more(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("customers/create", customer(5, "idle@example.com", product.now))
    product.settle("intake")
    # Each flow is compiled once per process.
    decide_due(product.deps, shop.shop)
    with statements(shop) as nothing:
        assert decide_due(product.deps, shop.shop).done == 0
    assert len(nothing) == 1

    shop.deliver("customers/create", customer(6, "new@example.com", product.now))
    product.settle("intake")
    with statements(shop) as unheard:
        assert decide_due(product.deps, shop.shop).done == 1
    # Nobody listens to it: claim, events, flows, end.
    assert len(unheard) == 4

    begin_checkout(shop, "ann@example.com")
    product.settle("intake")
    with statements(shop) as started:
        assert decide_due(product.deps, shop.shop).done == 1
    buy(shop, "bob@example.com")
    product.settle("intake")
    with statements(shop) as bought:
        assert decide_due(product.deps, shop.shop).done == 1
    assert len(started) <= 16 and len(bought) <= 12
    assert not any("SELECT timers.shop_id" in statement for statement in started + bought)

    product.at(product.now + HOUR)
    with statements(shop) as rang:
        assert decide_due(product.deps, shop.shop).done == 1
    assert any("SELECT timers.shop_id" in statement for statement in rang)
    assert not any("pending_events.person_id AS decided_for" in statement for statement in rang)
