"""Profiles: the newest state of the store holds, and a change is told to the provider once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.models.person import identities, persons
from connector.models.sync import feed, sync_state
from sync import people
from sync.copies.sending import send_due
from tests.engine.installation import START, ConnectedShop, Installation, installation
from tests.engine.payloads import BIG, customer
from tests.engine.shoppers import agree, buy

ANN = "ann@example.com"


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def updated(shop: ConnectedShop, minutes: float, **fields: object) -> None:
    shop.deliver("customers/update", customer(1, ANN, START + timedelta(minutes=minutes), **fields))
    shop.installation.settle("intake")


def test_an_older_state_that_arrives_later_changes_nothing(shop: ConnectedShop) -> None:
    updated(shop, 2, first_name="Anna")
    updated(shop, 1, first_name="Ann")
    assert shop.one(persons).first_name == "Anna"
    updated(shop, 2, first_name="Annika")
    assert shop.one(persons).first_name == "Annika", "of the same second: applied, and read again"


def test_ids_keep_every_digit(shop: ConnectedShop) -> None:
    shop.deliver("customers/create", customer(BIG, ANN, START))
    shop.installation.settle("intake")
    assert shop.one(persons).customer_id == BIG
    assert ("customer", str(BIG)) in [(row.kind, row.value) for row in shop.rows(identities)]


def wanted(shop: ConnectedShop) -> int:
    return int(shop.one(sync_state).wanted_version)


def test_only_a_change_asks_for_the_contact_again(shop: ConnectedShop) -> None:
    updated(shop, 1, first_name="Ann")
    first = wanted(shop)
    updated(shop, 2, first_name="Ann")
    assert wanted(shop) == first
    updated(shop, 3, first_name="Anna")
    assert wanted(shop) == first + 1 == shop.one(persons).version


class _Undone(Exception):
    """Nobody is to remember what was done."""


def test_chance_does_not_depend_on_who_told_first(product: Installation) -> None:
    """Heard of first by the account or by the address alone: the same arm of a split."""
    seeds = []
    for customer_id in (1, None):
        shop = product.connect(flows=[])
        with contextlib.suppress(_Undone), shop.scope() as scope:
            found = people.identify(scope, customer_id=customer_id, email=ANN)
            assert found is not None
            mine = select(persons.c.seed).where(persons.c.shop_id == shop.id, persons.c.id == found.person_id)
            seeds.append(scope.connection.scalar(mine))
            raise _Undone
    assert seeds[0] == seeds[1]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Ann@Example.COM ", "ann@example.com"),
        ("ann", None),
        ("ann lee@example.com", None),
        ("x" * 250 + "@y.de", None),
        (None, None),
        ("", None),
    ],
)
def test_an_address_as_identity(written: str | None, kept: str | None) -> None:
    assert people.normal_email(written) == kept


def test_nobody_is_made_of_nothing(shop: ConnectedShop) -> None:
    with shop.scope() as scope:
        assert people.identify(scope, email="no address") is None
        assert people.identify(scope, email=ANN, create=False) is None
    assert shop.rows(persons) == []


def test_what_is_fed_of_somebody_without_an_address_does_not_wait_for_ever(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.deliver("customers/create", customer(5, None, START))
    buy(shop, None, 9, customer={"id": 5, "email": None})
    product.settle("intake", "flows")
    assert {row.state for row in shop.rows(feed)} == {"due"}
    send_due(shop.deps, shop.shop)
    assert {(row.state, row.reason) for row in shop.rows(feed)} == {("refused", "no contact: no_email")}
    assert ("sync", shop.id) not in product.due()


def test_a_consent_of_an_unknown_customer_makes_the_person_and_asks_the_store(
    product: Installation, shop: ConnectedShop
) -> None:
    agree(shop, ANN, 7)
    product.settle("intake")
    ann = shop.one(persons)
    assert (ann.customer_id, ann.email) == (7, ANN)
    assert ("fetch", shop.id) in product.due()
