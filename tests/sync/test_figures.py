"""The store's figures hold an order before or after word of it comes: it is told as the order that it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connector.locks import NORMALISE, lock_shop
from connector.models.event import events
from connector.models.person import persons
from connector.scope import Scope
from sync import customers, figures, merging, order_node, people
from sync.applying import apply_batch
from tests.engine.installation import installation
from tests.engine.payloads import order
from tests.engine.shoppers import by_customer
from tests.sync.store_answers import Node, customer_node, money
from tests.sync.store_answers import order_node as node_of_order
from tests.sync.test_applying import scope_of
from tests.sync.world import NOON, World, world

# Two orders of one second, and one after them.
PLACED = {number: NOON - timedelta(seconds=60 - (number == 3)) for number in (1, 2, 3)}
AMOUNTS = {number: Decimal(10 * number) for number in PLACED}
# What somebody bought long ago.
OLD = (4, Decimal("100.00"))
NEW = (0, Decimal(0))
# A read, as (how many of the orders the store had when it answered, how many we had heard of when it was applied).
Read = tuple[int, int]


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        yield made


def order_id(customer_id: int, number: int) -> int:
    return customer_id * 10 + number


def read(customer_id: int, had: int, before: tuple[int, Decimal] = NEW, *, bulk: bool = False, **told: Any) -> Node:
    """The customer as the store told it when it had so many of the three orders."""
    newest = [_listed(customer_id, number) for number in range(had, 0, -1)]
    if before[0]:
        old = NOON - timedelta(days=90)
        newest.append({"id": f"gid://shopify/Order/{order_id(customer_id, 0)}", "createdAt": old.isoformat()})
    return customer_node(
        customer_id,
        numberOfOrders=str(before[0] + had),
        amountSpent={"amount": str(before[1] + sum(AMOUNTS[number] for number in range(1, had + 1)))},
        defaultEmailAddress={"emailAddress": f"c{customer_id}@x.test"},
        defaultPhoneNumber=None,
        lastOrder=newest[0] if newest else None,
        **({} if bulk else {"orders": {"nodes": newest}}),
        **told,
    )


def _listed(customer_id: int, number: int) -> Node:
    return {
        "id": f"gid://shopify/Order/{order_id(customer_id, number)}",
        "createdAt": PLACED[number].isoformat(),
        "currentTotalPriceSet": money(str(AMOUNTS[number])),
    }


def bought(customer_id: int, number: int, **told: Any) -> Node:
    total = money(str(AMOUNTS[number]))
    email = f"c{customer_id}@x.test"
    buyer = {"id": f"gid://shopify/Customer/{customer_id}", "defaultEmailAddress": {"emailAddress": email}}
    told = {"email": email, "customer": buyer, "totalPriceSet": total, "currentTotalPriceSet": total, **told}
    return node_of_order(order_id(customer_id, number), PLACED[number].isoformat(), **told)


def tell(
    scope: Scope, customer_id: int, reads: Sequence[Read], heard: Sequence[int] = (1, 2, 3), old: bool = False
) -> None:
    before = OLD if old else NEW
    if old:
        customers.refresh(scope, read(customer_id, 0, before))
    for place in range(len(heard) + 1):
        for had, applied in reads:
            if applied == place:
                customers.refresh(scope, read(customer_id, had, before))
        if place < len(heard):
            order_node.refresh(scope, bought(customer_id, heard[place]))


Told = dict[int, dict[int, tuple[int, Decimal]]]


def told_before(shop: World) -> Told:
    """{customer: {order: (orders before it, spent before it)}}."""
    found: Told = {}
    with shop.transaction() as connection:
        for row in connection.execute(events.select().where(events.c.name == "order_placed")):
            customer_id, number = divmod(row.props["order_id"], 10)
            before = (row.props["orders_before"], Decimal(row.props["spent_before"]))
            found.setdefault(customer_id, {})[number] = before
    return found


def totals(shop: World) -> dict[int, tuple[int, Decimal]]:
    with shop.transaction() as connection:
        rows = connection.execute(persons.select().where(persons.c.customer_id.is_not(None)))
        return {row.customer_id: (row.orders_count, row.total_spent) for row in rows}


def exact(before: tuple[int, Decimal]) -> dict[int, tuple[int, Decimal]]:
    count, spent = before
    return {number: (count + number - 1, spent + sum(AMOUNTS[one] for one in range(1, number))) for number in AMOUNTS}


def whole(before: tuple[int, Decimal]) -> tuple[int, Decimal]:
    return before[0] + 3, before[1] + sum(AMOUNTS.values())


def _reads() -> list[tuple[Read, ...]]:
    """Up to two reads, one after the other, each with any number of the orders in it and applied anywhere."""
    places = [(had, place) for had in range(4) for place in range(4)]
    pairs = [(one, other) for one, other in places if one <= other]
    two = [((had, place), (more, later)) for had, more in pairs for place, later in pairs]
    return [(), *[(one,) for one in places], *two]


# With no read or one also of somebody who has bought long ago, which was read before.
STORIES = [(reads, old) for reads in _reads() for old in (False, True) if not (old and len(reads) > 1)]


def wrong(shop: World, stories: Sequence[tuple[tuple[Read, ...], bool]]) -> set[int]:
    """The stories, by customer, in which something was told or counted that is not so."""
    with shop.transaction() as connection, scope_of(shop, connection) as scope:
        for customer_id, (reads, old) in enumerate(stories, start=1):
            tell(scope, customer_id, reads, old=old)
    told, held = told_before(shop), totals(shop)
    wanted = {number: OLD if old else NEW for number, (_, old) in enumerate(stories, start=1)}
    return {one for one, before in wanted.items() if told[one] != exact(before) or held[one] != whole(before)}


def test_each_order_is_told_as_the_one_it_is_wherever_the_figures_are_read(shop: World) -> None:
    """The first order with none before it, the others with theirs; in the end what the store has."""
    assert len(STORIES) == 2 * (1 + 16) + 100
    assert wrong(shop, STORIES) == set()


def test_control_an_order_that_the_figures_hold_is_counted_again(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "told", lambda node, since: None)
    stories = [story for story in STORIES if len(story[0]) < 2]
    # No order that was read before word of it came, none that was heard of before an older answer was applied: right.
    assert len(wrong(shop, stories)) > 15


@pytest.mark.parametrize("batch", [False, True])
def test_word_comes_in_any_order_of_orders_that_the_figures_hold(shop: World, batch: bool) -> None:
    orders = list(permutations(AMOUNTS))
    for customer_id, heard in enumerate(orders, start=1):
        with shop.transaction() as connection, scope_of(shop, connection) as scope:
            tell(scope, customer_id, [(3, 0)], () if batch else heard)
            if batch:
                assert not apply_batch(scope, "Order", [bought(customer_id, number) for number in heard]).failed
    assert told_before(shop) == dict.fromkeys(range(1, len(orders) + 1), exact(NEW))
    assert set(totals(shop).values()) == {whole(NEW)}


def test_a_cancellation_takes_out_what_the_figures_held(shop: World) -> None:
    """The first before it is heard of that there is a third; one that comes cancelled was never counted by us."""
    with shop.transaction() as connection, scope_of(shop, connection) as scope:
        tell(scope, 1, [(3, 0)], [2])
        order_node.refresh(scope, bought(1, 2, cancelledAt=NOON.isoformat(), updatedAt=NOON.isoformat()))
        order_node.refresh(scope, bought(1, 1))
        order_node.refresh(scope, bought(1, 3))
    assert told_before(shop)[1] == {2: (1, Decimal(10)), 1: (0, Decimal(0)), 3: (1, Decimal(10))}
    assert totals(shop)[1] == (2, Decimal(40))


def test_two_who_turn_out_to_be_one_have_the_orders_of_both(shop: World) -> None:
    with shop.transaction() as connection, scope_of(shop, connection) as scope:
        lock_shop(scope, NORMALISE)
        tell(scope, 1, [(1, 0)], [])
        guest = people.identify(scope, email="guest@x.test")
        kept = people.person_of(scope, "customer", "1")
        assert guest is not None and kept is not None
        merging.merge(scope, guest.person_id, kept, reason="staff")
        order_node.refresh(scope, bought(1, 1))
        order_node.refresh(scope, bought(1, 2))
    assert told_before(shop)[1] == {1: (0, Decimal(0)), 2: (1, Decimal(10))}


NAMES = ("first_order", "repeat_order", "milestone_order")


@pytest.mark.parametrize("known", [True, False])
def test_signals_are_told_of_the_orders_that_they_are_about(
    database_url: str, redis_url: str, tmp_path: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three are in the figures before word of the first comes. The control does not know which are."""
    if not known:
        monkeypatch.setattr(figures, "told", lambda node, since: None)
    with installation(database_url, redis_url, tmp_path) as made:
        shop = made.connect(flows=[])
        shop.set(event_mapping={name: {"as": name} for name in NAMES}, signals={"milestone_order": {"orders": [3]}})
        with shop.scope() as scope:
            customers.refresh(scope, read(1, 3))
        for number, placed in PLACED.items():
            buyer = by_customer(1, "c1@x.test")
            shop.deliver("orders/create", {**order(order_id(1, number), "c1@x.test", placed), **buyer})
            made.settle("intake", "flows")
        told = {name: sorted(row.props["order_id"] for row in shop.rows(events, name=name)) for name in NAMES}
    right = {"first_order": [11], "repeat_order": [12, 13], "milestone_order": [13]}
    assert (told == right) is known


GUEST = {"id": 7, "test": False, "historical": False, "created_at": NOON, "counted": None}
ENTRY = {"id": 7, "at": NOON.isoformat(), "amount": "5.00"}


@pytest.mark.parametrize(
    ("hold", "order", "held"),
    [
        (None, {}, False),
        ([], {}, False),
        ([ENTRY], {}, True),
        ([ENTRY], {"id": 8}, False),
        ([ENTRY], {"id": 6}, True),
        ([ENTRY], {"id": 8, "created_at": NOON - timedelta(seconds=1)}, True),
        ([ENTRY], {"created_at": NOON + timedelta(seconds=1)}, True),
        ([ENTRY], {"test": True}, False),
        ([ENTRY], {"historical": True}, False),
    ],
)
def test_which_orders_figures_hold(hold: Any, order: dict[str, Any], held: bool) -> None:
    assert figures.within(hold, {**GUEST, **order}) is held


SINCE = NOON - timedelta(days=3)


@pytest.mark.parametrize(
    ("told", "ids"),
    [
        (read(1, 3), [13, 12, 11]),
        (read(1, 3, bulk=True), [13]),
        (read(1, 0), []),
        (read(1, 0, OLD), [10]),
        (read(1, 2, OLD), [12, 11]),
        # The list has an order that the figures do not hold yet.
        (read(1, 3) | {"lastOrder": _listed(1, 2)}, [12, 11]),
        (read(1, 3) | {"numberOfOrders": "2"}, [12, 11]),
        (read(1, 3) | {"numberOfOrders": "0"}, []),
        # Or one that was cancelled, when they do not count such.
        (
            read(1, 0)
            | {"numberOfOrders": "1", "orders": {"nodes": [_listed(1, 2), {**_listed(1, 1), "cancelledAt": "x"}]}},
            [12],
        ),
        (read(1, 1) | {"orders": {"nodes": [{**_listed(1, 2), "test": True}, _listed(1, 1)]}}, [11]),
        # It did not tell, or was not allowed to.
        (customer_node(1), None),
        (customer_node(1, numberOfOrders="0"), []),
        (read(1, 2) | {"orders": None, "lastOrder": None}, None),
    ],
)
def test_what_the_store_tells_of_its_figures(told: Node, ids: list[int] | None) -> None:
    held = figures.told(told, SINCE)
    assert (held if held is None else [one["id"] for one in held]) == ids
