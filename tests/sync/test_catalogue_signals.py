"""Who is told that a price dropped, that something is back or nearly gone; and that nobody is told twice."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connector import eventlog
from connector.clock import monotonic
from connector.db.session import transaction
from connector.eventlog import Fact
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.models.catalogue_signal import catalogue_signal_people, catalogue_signals, product_alerts
from connector.models.event import events
from connector.models.person import persons
from connector.models.store import orders
from sync import merging, people, products
from sync.catalogue_signals import alerts, interest, telling
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation, installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout, buy
from tests.sync.store_answers import AnsweringStore

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
KINDS = ("price_dropped", "back_in_stock", "low_stock")
# Flows that hear of it; what they do is no matter here.
HEARING = "flow: hears-{n}\nname: Hears\ntrigger: {{on: {kind}, key: event.variant_id}}\nsteps: [{{wait: 9d}}]\n"
TEA = 5


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, http=AnsweringStore()) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """A shop with flows that listen, and a tea that comes in a tin (variant 6) and a box (variant 7)."""
    made = product.connect(flows=[])
    for number, kind in enumerate(KINDS):
        made.publish(HEARING.format(n=number, kind=kind))
    offer(made, created=True)
    return made


def offer(
    shop: ConnectedShop,
    tin: tuple[str, int] = ("10.00", 9),
    box: tuple[str, int] = ("20.00", 9),
    *,
    created: bool = False,
    tell: bool = True,
) -> None:
    """The store tells of the tea, now: price and stock of both."""
    now = shop.installation.now
    listed = [
        {"id": number, "title": title, "sku": title, "price": price, "compare_at_price": None, "position": 1,
         "inventory_item_id": number * 11, "inventory_quantity": left}
        for number, title, (price, left) in ((6, "Tin", tin), (7, "Box", box))
    ]  # fmt: skip
    body = {
        "id": TEA, "title": "Tea", "handle": "tea", "status": "active", "vendor": "Leaf", "product_type": "Drinks",
        "tags": "", "updated_at": now.isoformat(), "variants": listed, "image": {"src": "https://goods.example/t.png"},
        "variant_gids": [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{one['id']}"} for one in listed],
    }  # fmt: skip
    shop.deliver("products/create" if created else "products/update", body)
    shop.installation.settle("intake", *(["signals"] if tell else []))
    shop.installation.at(now + timedelta(minutes=1))


def tea(variant: int = 6) -> dict[str, Any]:
    return {**line("Tea", product_id=TEA), "variant_id": variant}


_tokens = count(1)


def cart(shop: ConnectedShop, email: str, variant: int = 6, at: datetime | None = None) -> None:
    begin_checkout(shop, email, f"token-{next(_tokens)}", items=[line(), tea(variant)], at=at)
    shop.installation.settle("intake")


def bought(shop: ConnectedShop, email: str, number: int, variant: int = 6, **fields: Any) -> None:
    buy(shop, email, number, line_items=[tea(variant)], **fields)
    shop.installation.settle("intake")


def view(shop: ConnectedShop, email: str) -> None:
    """What a storefront's events are to come to: keyed by the product."""
    with shop.scope() as scope:
        found = people.identify(scope, email=email)
        assert found is not None
        props = {"product_id": TEA, "title": "Tea"}
        identity = f"view:{next(_tokens)}"
        fact = Fact(interest.VIEWED, identity, scope.now, "visitor:1", found.person_id, str(TEA), props, "pixel")
        eventlog.append(scope, [fact])


def heard(shop: ConnectedShop, *kinds: str) -> list[tuple[str, str, str, int]]:
    """(kind, address, why, variant), by address and time."""
    whose = {row.id: row.email for row in shop.rows(persons)}
    rows = sorted((row for row in shop.rows(events) if row.name in (kinds or KINDS)), key=lambda row: row.seq)
    told = [(row.name, whose[row.person_id], row.props["why"], row.props["variant_id"]) for row in rows]
    return sorted(told, key=lambda one: one[1])


# --- whom


def test_a_drop_reaches_who_viewed_or_left_it_in_a_cart_with_all_a_message_needs(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    view(shop, BOB)
    bought(shop, EVE, 1)
    offer(shop, tin=("8.00", 9))
    assert heard(shop) == [("price_dropped", ANN, "carted", 6), ("price_dropped", BOB, "viewed", 6)]
    told = next(row for row in shop.rows(events) if row.name == "price_dropped")
    expected = {
        "product_id": TEA, "variant_id": 6, "title": "Tea", "variant_title": "Tin", "old": "10.00", "new": "8.00",
        "percent": 20, "price": "8.00", "image_url": "https://goods.example/t.png", "inventory_quantity": 9,
    }  # fmt: skip
    assert expected.items() <= told.props.items() and (told.subject, told.key) == ("variant:6", "6")
    row = shop.one(catalogue_signals)
    assert (row.state, row.reason, row.people, row.told) == ("done", None, 2, 2)
    assert shop.rows(catalogue_signal_people) == []


def test_what_is_back_reaches_also_who_bought_it_and_by_variant(shop: ConnectedShop) -> None:
    cart(shop, ANN, 7)
    view(shop, BOB)
    bought(shop, EVE, 1)
    offer(shop, tin=("10.00", 0))
    assert heard(shop) == []
    offer(shop, tin=("10.00", 5))
    assert heard(shop) == [("back_in_stock", BOB, "viewed", 6), ("back_in_stock", EVE, "bought", 6)], "Ann wants a box"


def test_few_left_is_told_when_it_becomes_so(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    offer(shop, tin=("10.00", 4))
    assert heard(shop) == []
    offer(shop, tin=("10.00", 3))
    offer(shop, tin=("10.00", 2))
    assert heard(shop) == [("low_stock", ANN, "carted", 6)]


def test_the_stores_own_word_that_a_variant_is_back_is_enough(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    body = {
        "id": 6,
        "product_id": TEA,
        "title": "Tin",
        "price": "10.00",
        "updated_at": shop.installation.now.isoformat(),
    }
    shop.deliver("variants/in_stock", body)
    shop.deliver("variants/in_stock", body)
    shop.installation.settle("intake", "signals")
    assert heard(shop) == [("back_in_stock", ANN, "carted", 6)]


def test_who_bought_it_since_is_not_told_that_it_is_cheaper_or_nearly_gone(shop: ConnectedShop) -> None:
    """Bob, who bought before he put it into a cart again, is the control."""
    cart(shop, ANN)
    bought(shop, BOB, 1)
    shop.installation.at(START + HOUR)
    cart(shop, BOB)
    bought(shop, ANN, 2, variant=7)
    offer(shop, tin=("8.00", 2))
    assert heard(shop) == [("price_dropped", BOB, "carted", 6), ("low_stock", BOB, "carted", 6)]


def test_a_cancelled_purchase_is_none_and_what_is_long_ago_interests_nobody(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    bought(shop, ANN, 1)
    shop.change(orders, {"cancelled_at": shop.installation.now}, id=1)
    cart(shop, BOB, at=START - 31 * DAY)
    offer(shop, tin=("8.00", 9))
    assert heard(shop) == [("price_dropped", ANN, "carted", 6)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"price_drop_percent": 20.0}, 2),
        ({"price_drop_percent": 20.1}, 0),
        ({"carted_days": 0}, 1),
        ({"viewed_days": 0}, 1),
        ({"most_people": 1}, 1),
        ({"buyers": ["price_dropped"]}, 3),
    ],
)
def test_the_merchant_says_what_counts(shop: ConnectedShop, settings: Mapping[str, Any], told: int) -> None:
    shop.set(catalogue_signals=settings)
    cart(shop, ANN)
    shop.installation.at(START + HOUR)
    view(shop, BOB)
    bought(shop, EVE, 1)
    offer(shop, tin=("8.00", 9))
    assert len(heard(shop)) == told
    if "most_people" in settings:
        assert [one[1] for one in heard(shop)] == [BOB], "the newest interest"


def test_nobody_is_looked_for_when_nobody_listens(product: Installation) -> None:
    shop = product.connect(flows=[])
    offer(shop, created=True)
    cart(shop, ANN)
    offer(shop, tin=("8.00", 9))
    assert heard(shop) == [] and shop.one(catalogue_signals).reason == "unheard"
    # Brevo listens, by the shop's mapping.
    shop.set(event_mapping={"price_dropped": {"as": "price_dropped"}})
    offer(shop, tin=("6.00", 9))
    assert heard(shop) == [("price_dropped", ANN, "carted", 6)]


@pytest.mark.parametrize("how", ["news", "quiet", "backfill", "old", "before"])
def test_no_sync_and_no_history_tells_anybody(shop: ConnectedShop, how: str) -> None:
    """What is told as news is the control."""
    began = shop.installation.now
    shop.installation.at(began + 3 * DAY)
    now = shop.installation.now
    if how == "before":
        shop.shop = replace(shop.shop, live_since=now)
    variants = [{"id": 6, "price": Decimal("1.00"), "inventory_quantity": 1}]
    at = {"old": now - 25 * HOUR, "before": now - HOUR}.get(how, now)
    told = {"id": TEA, "updated_at": at, "created_at": None, "variant_ids": None, "variants": variants}
    found_by = "backfill" if how == "backfill" else None
    with shop.deps.open(shop.shop, quiet=how == "quiet", found_by=found_by) as scope:
        products.project(scope, told, now)
    assert "price_changed" in {row.name for row in shop.rows(events)}
    kinds = {row.kind for row in shop.rows(catalogue_signals)}
    assert kinds == ({"price_dropped", "low_stock"} if how == "news" else set())


@pytest.mark.parametrize("by_brevo", [False, True])
def test_who_has_asked_is_told_by_us_or_by_brevo_and_once(shop: ConnectedShop, by_brevo: bool) -> None:
    cart(shop, ANN)
    with shop.scope() as scope:
        found = people.identify(scope, email=ANN)
        assert found is not None
        for form, wanted in (("quiz", 8), ("back-in-stock", "7 of 9"), ("back-in-stock", TEA)):
            alerts.ask(scope, found.person_id, form, {"product_id": wanted}, scope.now)
    assert shop.one(product_alerts).product_id == TEA
    if by_brevo:
        shop.change(product_alerts, {"state": "brevo"})
    offer(shop, tin=("10.00", 0))
    offer(shop, tin=("10.00", 5))
    assert heard(shop) == ([] if by_brevo else [("back_in_stock", ANN, "asked", 6)])
    assert shop.rows(product_alerts) == []


# --- once


def flap(shop: ConnectedShop) -> None:
    for left in (0, 1, 0, 1):
        offer(shop, tin=("10.00", left))


def test_stock_and_prices_that_go_to_and_fro_are_told_once_a_day(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    flap(shop)
    for price in ("8.00", "10.00", "7.00"):
        offer(shop, tin=(price, 9))
    assert [one[0] for one in heard(shop)] == ["back_in_stock", "price_dropped"]
    shop.installation.at(START + 2 * DAY)
    offer(shop, tin=("5.00", 9))
    assert [one[0] for one in heard(shop)] == ["back_in_stock", "price_dropped", "price_dropped"]


def test_without_the_day_between_they_are_told_each_time(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(telling, "AGAIN", timedelta(0))
    cart(shop, ANN)
    flap(shop)
    assert [one[0] for one in heard(shop)] == ["back_in_stock"] * 2


def tell_again(shop: ConnectedShop) -> None:
    """As if it had been forgotten that it was told."""
    shop.change(catalogue_signals, {"state": "due", "people": None})
    shop.installation.settle("signals")


def test_a_fact_reaches_a_person_once_however_often_it_is_told(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the identity alone: without it, as the control shows, it would be told twice."""
    monkeypatch.setattr(telling, "AGAIN", timedelta(0))
    cart(shop, ANN)
    offer(shop, tin=("8.00", 9))
    tell_again(shop)
    assert len(heard(shop)) == 1
    fact, numbers = telling._fact, count()
    monkeypatch.setattr(telling, "_fact", lambda *given: _renamed(fact(*given), next(numbers)))
    tell_again(shop)
    assert len(heard(shop)) == 2


def _renamed(fact: Fact, number: int) -> Fact:
    return Fact(fact.name, str(number), fact.occurred_at, fact.subject, fact.person_id, fact.key, fact.props)


def found(shop: ConnectedShop) -> list[Any]:
    """The tin is cheaper; whom it interests is known and nobody is told."""
    offer(shop, tin=("8.00", 9), tell=False)
    telling.tell_due(shop.deps, shop.shop)
    return shop.rows(catalogue_signal_people)


def test_two_who_are_one_are_told_once_and_who_is_locked_later(shop: ConnectedShop) -> None:
    for email in (ANN, BOB, EVE):
        cart(shop, email)
    ids = [row.person_id for row in found(shop)]
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        merging.merge(scope, ids[0], ids[1], reason="staff")
    assert [row.person_id for row in shop.rows(catalogue_signal_people)] == [ids[0], ids[2]]
    with shop.scope() as other:
        assert lock_persons(other, [ids[2]]) == [ids[2]]
        for _ in range(3):
            telling.tell_due(shop.deps, shop.shop)
        assert [one[1] for one in heard(shop)] == [ANN], "nobody is waited for"
    shop.installation.skip(2)
    shop.installation.settle("signals")
    assert [one[1] for one in heard(shop)] == [ANN, EVE]


def test_a_death_between_slices_loses_nobody_and_tells_nobody_twice(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "SLICE", 1)
    for email in (ANN, BOB, EVE):
        cart(shop, email)
    found(shop)
    append = eventlog.append
    for number in range(3):
        monkeypatch.setattr(eventlog, "append", _dying)
        with pytest.raises(RuntimeError):
            telling.tell_due(shop.deps, shop.shop)
        monkeypatch.setattr(eventlog, "append", append)
        assert len(heard(shop)) == number
        telling.tell_due(shop.deps, shop.shop)
    shop.installation.settle("signals")
    assert [one[1] for one in heard(shop)] == [ANN, BOB, EVE]


def _dying(*_: Any) -> None:
    raise RuntimeError("the process dies")


def test_what_is_true_no_longer_is_told_to_nobody(shop: ConnectedShop) -> None:
    cart(shop, ANN)
    assert len(found(shop)) == 1
    offer(shop, tin=("9.90", 9))
    assert heard(shop) == [] and shop.one(catalogue_signals).reason == "over"
    assert shop.rows(catalogue_signal_people) == []


# --- many


CROWD = 20_000
# One in three people has the tea in a checkout, one has looked at it and one has bought it; all bought something else.
_CROWD = (
    """
    INSERT INTO persons (shop_id, id, seed, email, tags, orders_count, total_spent, version, created_at)
    SELECT :shop, 1000 + n, gen_random_uuid(), n || '@example.com', '[]', 0, 0, 1, :now
    FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO person_work (shop_id, person_id, pending, since_real)
    SELECT :shop, 1000 + n, false, :now FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO checkouts (shop_id, token, person_id, total, items, created_at, source_updated_at)
    SELECT :shop, 'crowd' || n, 1000 + n, 1,
        jsonb_build_array(jsonb_build_object('product_id', 5 + n % 3, 'variant_id', 6, 'title', 'Tea')), :now, :now
    FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO events
        (shop_id, id, occurred_at, name, subject, key, person_id, source, historical, props, received_at)
    SELECT :shop, gen_random_uuid(), :now, 'product_viewed', 'visitor:' || n, CAST(5 + (n + 1) % 3 AS text), 1000 + n,
        'pixel', false, '{}', :now
    FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO orders (shop_id, id, person_id, total, items, discount_codes, test, created_at, source_updated_at)
    SELECT :shop, n, 1000 + (n - 1) % :many + 1, 1, jsonb_build_array(jsonb_build_object(
            'product_id', CASE WHEN n <= :many AND n % 3 = 1 THEN 5 ELSE 100 + n % 500 END, 'variant_id', 6
        )), '[]', false, CAST(:now AS timestamptz) - interval '9 days', :now
    FROM generate_series(1, 5 * :many) AS n
    """,
)


@pytest.mark.long
@pytest.mark.alone
def test_a_crowd_is_told_in_small_transactions_and_little_memory(shop: ConnectedShop) -> None:
    given = {"shop": shop.id, "now": shop.installation.now, "many": CROWD}
    with transaction(shop.deps.engine) as connection:
        for statement in _CROWD:
            connection.execute(text(statement), given)
        connection.execute(text("ANALYZE"))
    offer(shop, tin=("10.00", 0))
    offer(shop, tin=("10.00", 50), tell=False)
    tracemalloc.start()
    seconds = []
    while True:
        began = monotonic()
        if not telling.tell_due(shop.deps, shop.shop).more:
            break
        seconds.append(monotonic() - began)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    row = shop.one(catalogue_signals)
    assert (row.state, row.people, row.told) == ("done", CROWD, CROWD)
    told = [one for one in shop.rows(events) if one.name == "back_in_stock"]
    assert len({one.person_id for one in told}) == len(told) == CROWD
    assert {one.props["why"] for one in told} == {"carted", "viewed", "bought"}
    print(f"{sum(seconds):.1f} s; found in {seconds[0]:.2f}, slices up to {max(seconds[1:]):.2f}; {peak >> 10} kB")
    assert seconds[0] < 5 and max(seconds[1:]) < 2 and peak < 32 << 20
