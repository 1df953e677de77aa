"""Records applied by the hundred: the same end as one by one, in a few statements, and nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, insert, select, text

from connector import scope as scope_module
from connector.ahead import Ahead
from connector.db.schema import metadata
from connector.db.session import undone
from connector.models.analytics import attribution_marks
from connector.models.event import events
from connector.models.identity import identity_conflicts
from connector.models.person import consent_ledger, person_work, persons
from connector.models.store import checkouts, orders, products
from connector.models.survey import address_opt_outs as opt_outs
from connector.scope import Scope, scoped
from connector.suppression import address_digest
from sync import fetch, people, readahead
from sync.applying import Applied, apply_batch
from sync.readers import READERS
from tests.sync.store_answers import Node, customer_node, money, order_node, product_node
from tests.sync.world import NOON, World, world

Batch = tuple[str, list[Node]]
EMAILS = ("ann@example.com", "Bob@example.com", "cat@example.com", "dan@example.com")
PHONES = ("+33612345678", "+33687654321")


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        # A field that is kept only because it is mapped.
        mapped = {"contact_mapping": {"BIG": {"from": "metafield:custom.big", "type": "boolean"}}}
        made.shop = replace(made.shop, raw_settings={**made.shop.raw_settings, **mapped})
        yield made


def at(minutes: int) -> str:
    return (NOON - timedelta(days=60) + timedelta(minutes=minutes)).isoformat()


@contextmanager
def scope_of(shop: World, connection: Connection, *, quiet: bool = True) -> Iterator[Scope]:
    with scoped(connection, shop.shop, shop.clock, shop.deps.settings, quiet=quiet) as scope:
        yield scope


def applied(shop: World, *batches: Batch, quiet: bool = True) -> list[Applied]:
    """These batches, each in a transaction of its own that stays."""
    done = []
    for kind, nodes in batches:
        with shop.transaction() as connection, scope_of(shop, connection, quiet=quiet) as scope:
            done.append(apply_batch(scope, kind, nodes))
    return done


# What the store may tell


@st.composite
def customers(draw: st.DrawFn) -> Node:
    number = draw(st.integers(1, 5))
    email = draw(st.none() | st.sampled_from(EMAILS))
    state = draw(st.sampled_from(["SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED", "PENDING"]))
    phone = draw(st.none() | st.sampled_from(PHONES))
    told = {"state": draw(st.sampled_from(["SUBSCRIBED", "UNSUBSCRIBED"])), "updatedAt": at(draw(st.integers(0, 3)))}
    address = {
        "emailAddress": email, "marketingState": state, "marketingOptInLevel": "SINGLE_OPT_IN",
        "marketingUpdatedAt": at(draw(st.integers(0, 4))),
        "openTrackingLevel": draw(st.sampled_from(["OPTED_IN", "OPTED_OUT", "UNKNOWN"])),
    }  # fmt: skip
    return customer_node(
        number,
        firstName=draw(st.sampled_from(["Ann", "Bo"])),
        numberOfOrders=str(draw(st.integers(0, 2))),
        defaultEmailAddress=address if email else None,
        defaultPhoneNumber={"phoneNumber": phone, "smsMarketingConsent": told} if phone else None,
        metafields={"nodes": [{"namespace": "custom", "key": "big", "type": "boolean", "value": draw(st.sampled_from(
            ["true", "false"]))}]},
    )  # fmt: skip


@st.composite
def purchases(draw: st.DrawFn) -> Node:
    number = draw(st.integers(1, 5))
    buyer = draw(st.none() | st.integers(1, 5))
    own = draw(st.none() | st.sampled_from(EMAILS))
    placed = at(draw(st.integers(0, 90_000)))
    parcel = {"id": f"gid://shopify/Fulfillment/{number}", "status": "SUCCESS", "displayStatus": "DELIVERED",
              "createdAt": placed, "updatedAt": placed, "deliveredAt": placed, "trackingInfo": []}  # fmt: skip
    return order_node(
        number,
        placed,
        updatedAt=draw(st.sampled_from([placed, at(90_001), at(90_002)])),
        email=draw(st.none() | st.sampled_from(EMAILS)),
        customer={
            "id": f"gid://shopify/Customer/{buyer}",
            "defaultEmailAddress": {"emailAddress": own} if own else None,
        } if buyer else None,
        customerAcceptsMarketing=draw(st.booleans()),
        cancelledAt=draw(st.none() | st.just(at(89_000))),
        checkoutToken=draw(st.none() | st.sampled_from(["tok-1", "tok-2", "tok-3"])),
        cartToken=draw(st.none() | st.sampled_from(["cart-1", "cart-2"])),
        refunds=draw(st.just([]) | st.just([{"id": "gid://shopify/Refund/3", "createdAt": at(88_000),
                                            "totalRefundedSet": money("4")}])),
        fulfillments=[parcel] if draw(st.booleans()) else [],
    )  # fmt: skip


@st.composite
def goods(draw: st.DrawFn) -> Node:
    number = draw(st.integers(1, 3))
    listed = [
        {"id": f"gid://shopify/ProductVariant/{number * 10 + place}", "title": "M", "price": price}
        for place, price in enumerate(draw(st.lists(st.sampled_from(["1.00", "2.5"]), max_size=3)))
    ]
    return product_node(
        number,
        title=draw(st.sampled_from(["Mug", "Cup"])),
        updatedAt=at(draw(st.integers(0, 3))),
        variants={"nodes": listed, "pageInfo": {"hasNextPage": draw(st.booleans())}},
        collections={"nodes": []} if draw(st.booleans()) else None,
    )


def batch_of(kind: str, nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Batch]:
    return st.tuples(st.just(kind), st.lists(nodes, min_size=1, max_size=8))


batches = st.lists(
    batch_of("Customer", customers()) | batch_of("Order", purchases()) | batch_of("Product", goods()),
    min_size=1,
    max_size=4,
)


# What a shop holds


def began(shop: World, connection: Connection) -> None:
    """Checkouts that orders may come from, an address that was opted out, and what nobody has been found for."""
    for number, person in ((1, None), (2, 77)):
        connection.execute(
            insert(checkouts).values(
                shop_id=shop.shop.id, token=f"tok-{number}", cart_token="cart-1", person_id=person, total=5, items=[],
                created_at=NOON - timedelta(days=number), source_updated_at=NOON,
            )
        )  # fmt: skip
    digest = address_digest(shop.shop.salt, EMAILS[2])
    connection.execute(
        insert(opt_outs).values(
            shop_id=shop.shop.id, channel="email", address_digest=digest, state="unsubscribed", source="brevo",
            since=NOON - timedelta(days=1),
        )
    )  # fmt: skip
    connection.execute(insert(person_work).values(shop_id=shop.shop.id, person_id=77, pending=False, since_real=NOON))
    connection.execute(
        insert(persons).values(
            shop_id=shop.shop.id, id=77, seed="00000000-0000-0000-0000-000000000077", email="eve@example.com",
            tags=[], orders_count=0, total_spent=0, version=1, created_at=NOON,
        )
    )  # fmt: skip


# In which of several rows that are written together was first.
_COUNTED = {events.c.seq, identity_conflicts.c.id}


def dump(connection: Connection) -> dict[str, list[str]]:
    """All rows of all tables, but for who is to be looked at again: whoever had an order for a moment only is, too."""
    return {
        table.name: sorted(
            repr({column.name: _but_marks(row[column]) for column in table.c if column not in _COUNTED})
            for row in connection.execute(select(table)).mappings()
        )
        for table in metadata.sorted_tables
        if table is not attribution_marks
    }


def _but_marks(value: Any) -> Any:
    """Without how many of those marks moved, of two people who are one."""
    return {key: n for key, n in value.items() if key != attribution_marks.name} if isinstance(value, dict) else value


def outcome(shop: World, told: Sequence[Batch], *, quiet: bool) -> tuple[list[Applied], dict[str, list[str]]]:
    """What becomes of these batches, and what the shop holds then. Nothing of it stays."""
    with undone(shop.deps.engine) as connection:
        connection.execute(text("SELECT setval(sequencename::regclass, 1000, false) FROM pg_sequences"))
        began(shop, connection)
        done = []
        for kind, nodes in told:
            with scope_of(shop, connection, quiet=quiet) as scope:
                done.append(apply_batch(scope, kind, nodes))
        return done, dump(connection)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without reading ahead: each record asks for itself, and is written at once."""
    monkeypatch.setattr(readahead, "read", lambda *given: None)


def same_as_one_by_one(shop: World, told: list[Batch], quiet: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        # Numbers are reserved one at a time, so that they are the same both ways.
        patched.setattr(scope_module, "_RESERVED", 1)
        together, held = outcome(shop, told, quiet=quiet)
        one_by_one(patched)
        alone, expected = outcome(shop, told, quiet=quiet)
    assert {name: rows for name, rows in held.items() if rows != expected[name]} == {
        name: rows for name, rows in expected.items() if rows != held[name]
    }
    assert together == alone


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=batches, quiet=st.booleans())
def test_the_same_end_as_one_by_one(shop: World, told: list[Batch], quiet: bool) -> None:
    same_as_one_by_one(shop, told, quiet)


@pytest.mark.long
@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=batches, quiet=st.booleans())
def test_the_same_end_as_one_by_one_many_times(shop: World, told: list[Batch], quiet: bool) -> None:
    same_as_one_by_one(shop, told, quiet)


def bought(number: int, email: str | None, customer: int | None, own: str | None = None, **fields: Any) -> Node:
    buyer = {"id": f"gid://shopify/Customer/{customer}", "defaultEmailAddress": {"emailAddress": own} if own else None}
    return order_node(number, at(number), email=email, customer=buyer if customer else None, **fields)


MEETING: list[Batch] = [
    ("Order", [bought(1, EMAILS[0], None, customerAcceptsMarketing=True), bought(2, None, None)]),
    # A guest turns out to be a customer whom we know without an address, in the middle of a batch.
    ("Order", [bought(3, None, 1), bought(1, EMAILS[0], None), bought(4, EMAILS[0], 1, EMAILS[0]), bought(2, None, 1),
               bought(1, EMAILS[0], 1, EMAILS[0], customerAcceptsMarketing=True), bought(5, EMAILS[0], None)]),
    ("Customer", [customer_node(1), customer_node(2), customer_node(1, firstName="Eve", defaultEmailAddress=None)]),
]  # fmt: skip


@pytest.mark.parametrize(
    "forgotten",
    [None, (people, "_learn"), (Ahead, "merged")],
    ids=["nothing", "who was met", "who was merged"],
)
def test_what_a_batch_changes_it_remembers(
    shop: World, forgotten: tuple[Any, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each thing that is remembered, and the control without it."""
    monkeypatch.setattr(scope_module, "_RESERVED", 1)
    if forgotten:
        monkeypatch.setattr(*forgotten, lambda *given: None)
    together = outcome(shop, MEETING, quiet=False)
    one_by_one(monkeypatch)
    alone = outcome(shop, MEETING, quiet=False)
    assert any("same_address" in row for row in alone[1]["person_merges"])
    assert (together == alone) == (forgotten is None)


def people_of_a_shop(count: int, *, first: int = 1) -> list[Node]:
    return [
        customer_node(
            number,
            defaultEmailAddress={"emailAddress": f"c{number}@example.com", "marketingState": "SUBSCRIBED",
                                 "marketingUpdatedAt": at(number), "openTrackingLevel": "OPTED_IN"},
            defaultPhoneNumber={"phoneNumber": f"+3361{number:07}"},
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def orders_of_a_shop(count: int, *, first: int = 1) -> list[Node]:
    return [
        order_node(
            number,
            at(number),
            email=f"c{number}@example.com",
            customer={"id": f"gid://shopify/Customer/{number}",
                      "defaultEmailAddress": {"emailAddress": f"c{number}@example.com"}},
            customerAcceptsMarketing=True,
            checkoutToken=f"t{number}",
            fulfillments=[{"id": f"gid://shopify/Fulfillment/{number}", "status": "SUCCESS", "createdAt": at(number)}],
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def products_of_a_shop(count: int, *, first: int = 1) -> list[Node]:
    return [
        product_node(
            number,
            variants={"nodes": [{"id": f"gid://shopify/ProductVariant/{number}", "price": "2.50"}],
                      "pageInfo": {"hasNextPage": False}},
            collections={"nodes": [{"id": "gid://shopify/Collection/1"}]},
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def batch_of_a_shop(kind: str, count: int, first: int = 1) -> Batch:
    make = {"Customer": people_of_a_shop, "Order": orders_of_a_shop, "Product": products_of_a_shop}[kind]
    return kind, make(count, first=first)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool) -> None:
        said.extend([statement] * (len(given) if many else 1))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("kind", ["Customer", "Order", "Product"])
def test_a_batch_takes_as_many_statements_whatever_its_size(
    shop: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[int, list[int]] = {}
    for size, first in ((50, 1), (500, 1000)):
        # New, then known.
        for _ in range(2):
            with statements(shop.deps.engine) as said:
                (done,) = applied(shop, batch_of_a_shop(kind, size, first))
            assert not done.failed and len(done.created) + len(done.unchanged) == size
            taken.setdefault(size, []).append(len(said))
    # More numbers are reserved for more new rows, some hundreds at once.
    assert max(taken[500]) < 40 and taken[500][0] - taken[50][0] <= 4 and taken[500][1] == taken[50][1]
    one_by_one(monkeypatch)
    with statements(shop.deps.engine) as said:
        applied(shop, batch_of_a_shop(kind, 50, 2000))
    assert len(said) > 100, "the control: a statement and more for each"


@pytest.mark.parametrize("kind", ["Customer", "Order", "Product"])
def test_the_same_again_changes_nothing(shop: World, kind: str) -> None:
    batch = batch_of_a_shop(kind, 30)
    (new,) = applied(shop, batch)
    assert new.created == set(range(1, 31)) and not (new.changed or new.unchanged)
    with shop.transaction() as connection:
        before = dump(connection)
    (again,) = applied(shop, batch)
    assert again.unchanged == new.created and not (again.created or again.changed)
    with shop.transaction() as connection:
        assert dump(connection) == before
    kind, nodes = batch
    (changed,) = applied(shop, (kind, [*nodes[1:], _different(kind, nodes[0])]))
    assert changed.changed == {1} and changed.unchanged == set(range(2, 31))


def test_an_opt_out_without_a_time_is_not_newer_when_it_is_read_again(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"emailAddress": EMAILS[0], "marketingState": "UNSUBSCRIBED", "marketingUpdatedAt": None}
    batch = ("Customer", [customer_node(1, defaultEmailAddress=told)])
    applied(shop, batch)
    monkeypatch.setattr(type(shop.clock), "now", lambda clock: NOON + timedelta(days=1))
    (again,) = applied(shop, batch)
    assert again.unchanged == {1}
    with shop.transaction() as connection:
        assert len(connection.execute(select(consent_ledger)).all()) == 1


def _different(kind: str, node: Node) -> Node:
    named = {"Customer": "firstName", "Order": "name", "Product": "title"}[kind]
    return {**node, named: "Other", "updatedAt": at(90_000)}


@pytest.mark.parametrize("kind", ["Customer", "Order", "Product"])
def test_what_cannot_be_applied_is_named_and_spoils_no_other(shop: World, kind: str) -> None:
    """One that our code trips over and one that the database refuses, among others."""
    _, nodes = batch_of_a_shop(kind, 20)
    field = {"Customer": "firstName", "Order": "name", "Product": "title"}[kind]
    nodes[3] = {**nodes[3], field: "not \x00 text"}
    nodes[11] = {**nodes[11], **{"Customer": {"numberOfOrders": "many"}, "Order": {"updatedAt": "soon"},
                                 "Product": {"updatedAt": "soon"}}[kind]}  # fmt: skip
    (done,) = applied(shop, (kind, nodes))
    assert set(done.failed) == {4, 12} and done.created == set(range(1, 21)) - {4, 12}
    assert all(reason.startswith("It cannot be applied: ") for reason in done.failed.values())
    assert "ValueError" in done.failed[12]
    table = {"Customer": persons, "Order": orders, "Product": products}[kind]
    with shop.transaction() as connection:
        assert len(connection.execute(select(table)).all()) >= 18
        names = {row[0] for row in connection.execute(select(table.c[_COLUMNS[field]]))}
    assert not any(name and "\x00" in name for name in names)


_COLUMNS = {"firstName": "first_name", "name": "name", "title": "title"}


def test_a_collection_that_lists_a_product_whose_collections_are_not_known(shop: World) -> None:
    """As a webhook tells products. They are left alone, and get their collections when they are read."""
    thin = products_of_a_shop(1)[0] | {"collections": None}
    collection = {"id": "gid://shopify/Collection/1", "title": "Season", "updatedAt": at(0),
                  "products": {"nodes": [{"id": thin["id"]}], "pageInfo": {"hasNextPage": False}}}  # fmt: skip
    with shop.transaction() as connection, scope_of(shop, connection) as scope:
        READERS["Product"].apply(scope, thin)
    (done,) = applied(shop, ("Collection", [collection]))
    assert done.created == {1} and not done.failed
    with shop.transaction() as connection:
        assert connection.scalar(text("SELECT collection_ids IS NULL FROM products"))


def test_what_a_delivery_has_asked_for_is_left_to_it(shop: World) -> None:
    with shop.transaction() as connection, scope_of(shop, connection, quiet=False) as scope:
        fetch.wish(scope, "Product", 2)
    (done,) = applied(shop, batch_of_a_shop("Product", 3))
    assert done.left == {2} and done.created == {1, 3}
    (live,) = applied(shop, batch_of_a_shop("Product", 3), quiet=False)
    assert live.created == {2}, "the control: outside of quiet scopes it is news as well"
