"""A back-fill's orders and products leave for Brevo as soon as its limits allow, and live changes do not feel it.

Machine and wire time are moved by hand, so that hours pass in seconds; database, Redis and limiter are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil

import httpx
import pytest
from sqlalchemy import Connection, text

from connector.brevo.buckets import HOUR
from connector.models.store import orders
from connector.scope import scoped
from sync.copies import RESOURCES, bulk, pace, product
from sync.copies.bulk import send_bulk
from sync.copies.pace import Counts, Plan
from sync.copies.sending import send_due
from sync.copies.turn import Turn
from sync.wishes import wish
from tests.sync import commerce
from tests.sync.world import NOON, World, world

ORDERS, SINGLE, DOUBLE = 20_000, 2_000, 4_000
RECORDS = SINGLE + 3 * DOUBLE
# What the answers say that Brevo allows of single products, an hour; batches are a hundred an hour by the table.
TOLD = 720
_STEP = 15.0


@pytest.fixture
def shop(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The general plan. Nobody really waits for a call: the clock is the test's."""
    monkeypatch.setattr(product, "_TURN_SECONDS", 0.0)
    with world(database_url, redis_url, bulk_gather_seconds=60.0) as made:
        yield made


def history(shop: World, count: int, *, first: int = 1, person: int | None = None) -> None:
    """So many old orders, as a back-fill brings them: kept, and wished for in a quiet scope."""
    with shop.transaction() as connection:
        given = {"shop_id": shop.shop.id, "first": first, "last": first + count - 1, "person": person, "now": NOON}
        connection.execute(_HISTORY, given)
        _wish(shop, connection, "order", range(first, first + count))


_HISTORY = text(
    """
INSERT INTO orders (shop_id, id, name, person_id, currency, total, gross, items, discount_codes, test, historical,
    financial_status, created_at, source_updated_at, version)
SELECT :shop_id, n, '#' || n, CAST(:person AS bigint), 'EUR', 40, 40, '[]', '[]', false, true, 'paid', :now, :now, 1
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
"""
)
_CATALOGUE = text(
    """
WITH made AS (
    INSERT INTO products (shop_id, id, title, status, price_min, version)
    SELECT :shop_id, n, 'Mug ' || n, 'active', 9, 1 FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
    RETURNING id
)
INSERT INTO variants (shop_id, id, product_id, title, position, price)
SELECT :shop_id, id * 10 + place, id, 'Size ' || place, place, 9
FROM made CROSS JOIN generate_series(1, CAST(:each AS int)) AS place
"""
)


def catalogue(shop: World, count: int, *, first: int, each: int) -> None:
    """So many products with so many variants ``each``."""
    with shop.transaction() as connection:
        given = {"shop_id": shop.shop.id, "first": first, "last": first + count - 1, "each": each}
        connection.execute(_CATALOGUE, given)
        _wish(shop, connection, "product", range(first, first + count))


def _wish(shop: World, connection: Connection, entity: str, ids: range) -> None:
    with scoped(connection, shop.shop, shop.clock, shop.deps.settings, quiet=True) as scope:
        for one in ids:
            wish(scope, entity, one, 1)


def open_in_bulk(shop: World) -> bool:
    query = text(
        "SELECT EXISTS (SELECT FROM sync_state WHERE shop_id = :shop AND quiet AND state IN ('due', 'leased'))"
    )
    with shop.transaction() as connection:
        return bool(connection.scalar(query, {"shop": shop.shop.id}))


def calls(shop: World) -> Counter[str]:
    return Counter(request.url.path.removeprefix("/v3") for request in shop.brevo.requests)


def _told(request: httpx.Request) -> httpx.Response | None:
    if request.url.path != "/v3/products":
        return None
    headers = {"limit": str(TOLD), "remaining": str(TOLD), "reset": "3000"}
    return httpx.Response(204, headers={f"x-sib-ratelimit-{name}": value for name, value in headers.items()})


def run(shop: World) -> tuple[float, list[float]]:
    """Work until all is told. Wire seconds that it took, and how long each live change waited meanwhile."""
    began = shop.clock.at
    waited: list[float] = []
    while open_in_bulk(shop):
        _send_all(shop)
        passed = (shop.clock.at - began).total_seconds()
        assert passed < 5 * HOUR, "it does not end"
        if passed // 600 > len(waited) - 1:
            waited.append(live(shop, 1_000_000 + len(waited)))
        shop.clock.pass_seconds(_STEP)
    return (shop.clock.at - began).total_seconds(), waited


def _send_all(shop: World) -> None:
    """As long as there are calls: what waits a second for one would wait for ever, because time stands still here."""
    before = -1
    while send_bulk(shop.deps, shop.shop).more and len(shop.brevo.requests) > before:
        before = len(shop.brevo.requests)


def live(shop: World, number: int) -> float:
    """Somebody orders: seconds until Brevo has the contact and the order."""
    shop.wish(person := shop.person(number))
    commerce.order(shop, number, person)
    for tick in range(100):
        send_due(shop.deps, shop.shop, RESOURCES)
        send_bulk(shop.deps, shop.shop)
        if shop.state(number, "order").state == "done":
            return tick * 0.1
        shop.clock.pass_seconds(0.1)
    raise AssertionError(shop.state(number, "order"))


def best(batches: int, products: int) -> float:
    """The least wire seconds in which the published 100 an hour and ``TOLD``, less the fifth that is left free, let
    through so many batches and, alone or in lists of 100, so many products.
    """
    batch, alone = 100 * 4 // 5, TOLD * 4 // 5
    ends = (
        max((batches + lists - 1) // batch, (max(0, products - 100 * lists) - 1) // alone)
        for lists in range(ceil(products / 100) + 1)
    )
    return min(ends) * HOUR


def stock(shop: World) -> None:
    """What a back-fill has brought, and how many single products an hour Brevo allows."""
    history(shop, ORDERS)
    catalogue(shop, SINGLE, first=100_000, each=1)
    catalogue(shop, DOUBLE, first=200_000, each=2)
    shop.brevo.answer = _told
    for _ in range(2):
        shop.deps.brevo(shop.shop).put_product({"id": "1", "name": "Mug"})
        shop.clock.pass_seconds(5)
    shop.brevo.requests.clear()


@pytest.mark.long
def test_it_ends_when_the_limits_allow_it_as_was_said_at_the_start(shop: World) -> None:
    stock(shop)
    said = pace.estimate(shop.deps, shop.shop, Counts(orders=ORDERS, products=RECORDS))
    took, waited = run(shop)
    made = calls(shop)
    least = best(ceil(ORDERS / 1000), RECORDS)
    assert took <= 1.15 * least, (took, least, made)
    assert abs(said.seconds - took) <= 0.2 * took, (said, took)
    assert made["/orders/status/batch"] == ceil(ORDERS / 1000), "every batch was full"
    assert len(waited) > 5 and max(waited) < 2
    # Only live orders went by the call that starts automations.
    assert made["/orders/status"] == len(waited)
    bodies = shop.brevo.bodies("/v3/orders/status/batch")
    assert all(one["historical"] is True for one in bodies)
    assert sorted(int(order["id"]) for one in bodies for order in one["orders"]) == list(range(1, ORDERS + 1))
    told = [record["id"] for one in shop.brevo.bodies("/v3/products/batch") for record in one["products"]]
    told += [one["id"] for one in shop.brevo.bodies("/v3/products")]
    assert len(set(told)) == RECORDS and made["/products"] > 100, "both ways were used"


@pytest.mark.long
def test_control_in_lists_alone_it_takes_longer(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stock(shop)
    monkeypatch.setattr(pace, "of_left", lambda *_, **__: Plan(1000, {}, {}))
    monkeypatch.setattr(Turn, "await_call", lambda *_, **__: False)
    took, _ = run(shop)
    assert took > 1.15 * best(ceil(ORDERS / 1000), RECORDS)


def test_a_batch_waits_for_others_until_none_come(shop: World) -> None:
    for number in range(5):
        history(shop, 300, first=1 + 300 * number)
        send_bulk(shop.deps, shop.shop)
        shop.clock.pass_seconds(5)
    assert calls(shop) == {"/orders/status/batch": 1} and sizes(shop) == [1000]
    shop.clock.pass_seconds(61)
    send_bulk(shop.deps, shop.shop)
    assert sizes(shop) == [1000, 500]


def test_control_who_does_not_wait_makes_many_calls(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_is_ripe", lambda *_: True)
    test_order = [300, 300, 300]
    for number, count in enumerate(test_order):
        history(shop, count, first=1 + 300 * number)
        send_bulk(shop.deps, shop.shop)
    assert sizes(shop) == test_order


def sizes(shop: World) -> list[int]:
    return [len(one["orders"]) for one in shop.brevo.bodies("/v3/orders/status/batch")]


def test_orders_wait_for_their_contacts_and_take_nobodys_place(shop: World) -> None:
    ann, nobody = shop.person(1), shop.person(2, email=None)
    history(shop, 700, person=ann)
    history(shop, 50, first=5_000, person=nobody)
    history(shop, 300, first=10_000)
    shop.wish(nobody)
    send_due(shop.deps, shop.shop, RESOURCES)
    with shop.transaction() as connection:
        _wish(shop, connection, "contact", range(ann, ann + 1))
    shop.clock.pass_seconds(61)
    send_bulk(shop.deps, shop.shop)
    assert sizes(shop) == [300]
    assert (shop.state(1, "order").state, shop.state(1, "order").reason) == ("waiting", "its contact")
    assert shop.state(5_000, "order").reason == "no contact: no_email"
    shop.wish(ann, 2)
    send_due(shop.deps, shop.shop, RESOURCES)
    shop.clock.pass_seconds(61)
    send_bulk(shop.deps, shop.shop)
    assert sizes(shop) == [300, 700]
    assert shop.brevo.bodies("/v3/orders/status/batch")[1]["orders"][0]["identifiers"]["ext_id"] == "1001"


def test_what_somebody_changes_leaves_the_bulk_at_once(shop: World) -> None:
    history(shop, 10)
    commerce.change(shop, orders, "order", 3, total=50, historical=False)
    send_due(shop.deps, shop.shop, RESOURCES)
    assert calls(shop) == {"/orders/status": 1} and shop.state(3, "order").state == "done"


def test_a_list_that_is_not_worth_its_call_is_not_made(shop: World) -> None:
    """Two products can go alone in a second."""
    catalogue(shop, 2, first=100, each=1)
    send_bulk(shop.deps, shop.shop)
    assert calls(shop) == {"/products": 2}


def test_a_product_of_many_variants_goes_in_lists(shop: World) -> None:
    catalogue(shop, 1, first=100, each=120)
    send_bulk(shop.deps, shop.shop)
    assert calls(shop) == {"/products/batch": 2} and shop.state(100, "product").state == "done"
