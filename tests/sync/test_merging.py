"""Two people who turn out to be one: every table by its rule, and nothing is left of the one that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

import connector.models
from connector.db.schema import metadata
from connector.locks import NORMALISE, lock_shop
from connector.models.event import events, pending_events
from connector.models.identity import identity_conflicts, person_merges
from connector.models.person import consent_ledger, consents, identities, persons
from connector.models.store import checkouts, orders
from connector.models.sync import feed
from sync import conflicts, merging, people
from sync.merging.rules import RULES
from tests.engine.installation import START, ConnectedShop, Installation, installation
from tests.engine.payloads import JSON, checkout, customer, embedded
from tests.engine.shoppers import agree, begin_checkout, buy, by_customer

assert connector.models
ANN, WORK, BOB = "ann@example.com", "ann@work.example", "bob@example.com"


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def joined(kept: int, gone: int, status: str = "completed") -> JSON:
    """Body of customers/merge."""
    return {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone}",
        "admin_graphql_api_job_id": None,
        "status": status,
        "errors": [],
    }


def live(shop: ConnectedShop) -> list:
    return [row for row in shop.rows(persons) if row.merged_into is None]


def open_conflicts(shop: ConnectedShop) -> set[tuple[str, str]]:
    with shop.scope() as scope:
        return {(one.kind, one.value) for one in conflicts.conflicts(scope.connection, shop.id)}


# --- the rules


def whose(tables: dict) -> set[str]:
    """Tables that say of a row whose it is."""
    return {name for name, table in tables.items() if "person_id" in table.columns}


def test_every_table_that_says_whose_a_row_is_has_its_rule() -> None:
    assert whose(dict(metadata.tables)) <= set(RULES)
    # The control: without the rule of one table the comparison fails.
    assert not whose(dict(metadata.tables)) <= set(RULES) - {"orders"}


def test_nothing_names_the_one_that_is_gone(product: Installation, shop: ConnectedShop) -> None:
    """Whatever the tables, as far as the two have rows in them."""
    shop.deliver("customers/create", customer(1, ANN, START, phone="+491"))
    shop.deliver("customers/create", customer(2, WORK, START, last_name="Lee", phone="+492"))
    agree(shop, ANN, 1)
    agree(shop, WORK, 2, "unsubscribed")
    buy(shop, WORK, 7, **by_customer(2, WORK))
    shop.deliver("checkouts/create", checkout("tok", WORK, START, customer=embedded(2, WORK)))
    product.settle("intake")
    shop.deliver("customers/merge", joined(1, 2))
    product.settle("intake", "flows")
    one, gone = shop.rows(persons)
    assert gone.merged_into == one.id
    assert (one.email, one.last_name, one.phone, one.orders_count, one.customer_id) == (ANN, "Lee", "+491", 1, 1)
    empty = {"id", "shop_id", "seed", "version", "created_at", "merged_into", "tags", "orders_count", "total_spent"}
    assert all(value is None for name, value in gone._mapping.items() if name not in empty)
    named = {name for name in whose(dict(metadata.tables)) if shop.rows(metadata.tables[name], person_id=gone.id)}
    # The lock stays.
    assert named == {"person_work"}
    assert {row.person_id for table in (orders, checkouts, events, identities) for row in shop.rows(table)} == {one.id}
    assert {row.state for row in shop.rows(consent_ledger)} == {"subscribed", "unsubscribed"}
    assert shop.one(consents).state == "unsubscribed", "of the same moment: the opt-out"
    merge = shop.one(person_merges)
    assert (merge.person_id, merge.gone_id, merge.reason) == (one.id, gone.id, "customer_merge")
    assert merge.moved["orders"] == 1 and merge.moved["consent_ledger"] == 1


def test_who_is_gone_is_found_no_more_and_what_still_names_it_finds_who_it_is(
    product: Installation, shop: ConnectedShop
) -> None:
    for number, email in enumerate((ANN, WORK, BOB), start=1):
        shop.deliver("customers/create", customer(number, email, START))
    product.settle("intake")
    first, second, third = (row.id for row in shop.rows(persons))
    shop.deliver("customers/merge", joined(2, 3))
    shop.deliver("customers/merge", joined(1, 2))
    product.settle("intake")
    with shop.scope() as scope:
        for number, email in enumerate((ANN, WORK, BOB), start=1):
            for found in (people.identify(scope, customer_id=number), people.identify(scope, email=email)):
                assert found is not None and found.person_id == first
        assert merging.present(scope, third) == merging.present(scope, second) == first
        assert merging.everyone(scope.connection, shop.id, first) == [first, second, third]
    assert {row.merged_into for row in shop.rows(persons)} == {None, first}


def test_one_line_of_a_ledger_follows_only_a_merge_that_is_on_record(
    product: Installation, shop: ConnectedShop
) -> None:
    agree(shop, ANN, 1)
    agree(shop, BOB, 2)
    product.settle("intake")
    one, other = (row.id for row in shop.rows(persons))
    move = update(consent_ledger).where(consent_ledger.c.person_id == other)
    with pytest.raises(DBAPIError, match="append-only"), shop.scope() as scope:
        scope.connection.execute(move.values(person_id=one))
    shop.change(persons, {"merged_into": one}, id=other)
    with pytest.raises(DBAPIError, match="append-only"), shop.scope() as scope:
        scope.connection.execute(move.values(person_id=one, state="subscribed", source="nobody"))
    shop.change(consent_ledger, {"person_id": one}, person_id=other)
    assert {row.person_id for row in shop.rows(consent_ledger)} == {one}


def test_a_merge_that_failed_or_is_under_way_changes_nothing(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("customers/create", customer(1, ANN, START))
    shop.deliver("customers/create", customer(2, BOB, START))
    shop.deliver("customers/merge", joined(1, 2, "failed"))
    shop.deliver("customers/merge", joined(1, 2, "in_progress"))
    product.settle("intake")
    assert len(live(shop)) == 2


# --- when people meet


def test_a_guest_whose_address_a_customer_takes_is_that_customer(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, WORK, "tok")
    shop.deliver("customers/create", customer(1, ANN, START))
    product.settle("intake")
    guest, ann = shop.rows(persons)
    shop.deliver("customers/update", customer(1, WORK, START + timedelta(minutes=1)))
    product.settle("intake", "flows")
    (one,) = live(shop)
    assert (one.id, one.email, one.customer_id, one.seed) == (ann.id, WORK, 1, ann.seed)
    assert {row.person_id for row in shop.rows(checkouts)} == {one.id}
    assert shop.one(consents).state == "subscribed", "the guest's box"
    # Both addresses name them.
    assert {row.value for row in shop.rows(identities, kind="email")} == {ANN, WORK}
    assert guest.id == shop.one(person_merges).gone_id


def test_an_address_typed_at_a_checkout_makes_nobody_somebody_else(product: Installation, shop: ConnectedShop) -> None:
    """Ann is signed in and gives the address of Bob, who was here as a guest."""
    begin_checkout(shop, BOB, "bobs")
    shop.deliver("customers/create", customer(1, ANN, START))
    product.settle("intake")
    shop.deliver("checkouts/create", checkout("anns", BOB, START, customer=embedded(1, ANN)))
    shop.deliver("checkouts/update", checkout("anns", BOB, START, customer=embedded(1, ANN)))
    product.settle("intake")
    assert {row.email for row in live(shop)} == {ANN, BOB}
    ann = shop.one(persons, email=ANN)
    assert shop.one(checkouts, token="anns").person_id == ann.id, "the customer decides"
    assert open_conflicts(shop) == {("typed", BOB)} and len(shop.rows(identity_conflicts)) == 1


def test_an_address_that_was_merely_typed_names_nobody_later(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("checkouts/create", checkout("gift", BOB, START, customer=embedded(1, ANN)))
    begin_checkout(shop, BOB, "bobs")
    product.settle("intake")
    assert {row.email: row.customer_id for row in live(shop)} == {ANN: 1, BOB: None}


def test_two_records_with_one_address_are_shown_until_one_has_another(
    product: Installation, shop: ConnectedShop
) -> None:
    for number in (1, 2):
        shop.deliver("customers/create", customer(number, ANN, START))
    product.settle("intake")
    first, second = shop.rows(persons)
    assert (first.email, second.email) == (ANN, ANN) and open_conflicts(shop) == {("email", ANN)}
    shop.deliver("customers/update", customer(1, WORK, START + timedelta(minutes=1)))
    product.settle("intake")
    assert open_conflicts(shop) == set()
    assert shop.one(identity_conflicts).resolution == "changed"
    # The address names whoever has it now.
    named = {row.value: row.person_id for row in shop.rows(identities, kind="email")}
    assert named == {ANN: second.id, WORK: first.id}


def test_an_old_address_names_somebody_until_another_customer_has_it(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.deliver("customers/create", customer(1, ANN, START))
    shop.deliver("customers/update", customer(1, WORK, START + timedelta(minutes=1)))
    begin_checkout(shop, ANN, "old")
    product.settle("intake")
    assert len(live(shop)) == 1, "the same person by the old address"
    shop.deliver("customers/create", customer(2, ANN, START + timedelta(minutes=2)))
    begin_checkout(shop, ANN, "new")
    product.settle("intake")
    first, second = live(shop)
    owners = {row.token: row.person_id for row in shop.rows(checkouts)}
    assert owners == {"old": first.id, "new": second.id}
    assert open_conflicts(shop) == set()


def test_a_shared_phone_merges_nobody_and_is_noted_once(product: Installation, shop: ConnectedShop) -> None:
    for minute in range(3):
        for number, email in ((1, ANN), (2, BOB)):
            told = customer(number, email, START + timedelta(minutes=minute), phone="+4915112345678", city=str(minute))
            shop.deliver("customers/update", told)
        product.settle("intake")
    assert len(live(shop)) == 2
    (noted,) = shop.rows(identity_conflicts)
    assert (noted.kind, noted.value) == ("phone", "+4915112345678")
    with shop.scope() as scope:
        assert merging.keep_apart(scope, [noted.id]) == 1
    shop.deliver("customers/update", customer(2, BOB, START + timedelta(hours=1), phone="+49"))
    shop.deliver("customers/update", customer(2, BOB, START + timedelta(hours=2), phone="+4915112345678"))
    product.settle("intake")
    assert open_conflicts(shop) == set(), "staff have said that they are two"


def test_staff_merge_the_two_of_a_conflict(product: Installation, shop: ConnectedShop) -> None:
    for number in (1, 2):
        shop.deliver("customers/create", customer(number, ANN, START, phone="+491"))
    buy(shop, ANN, **by_customer(2, ANN))
    product.settle("intake")
    first, second = shop.rows(persons)
    phone = shop.one(identity_conflicts, kind="phone")
    with shop.scope() as scope:
        assert merging.merge_conflicting(scope, phone.id, second.id) == second.id
    (one,) = live(shop)
    assert (one.id, one.orders_count) == (second.id, 1)
    assert {row.resolution for row in shop.rows(identity_conflicts)} == {"merged"}
    with pytest.raises(LookupError), shop.scope() as scope:
        merging.merge_conflicting(scope, phone.id, first.id)


# --- deleted customers


def test_a_deleted_customer_stays_a_person_and_agrees_to_nothing_any_more(
    product: Installation, shop: ConnectedShop
) -> None:
    agree(shop, ANN, 1)
    buy(shop, ANN, **by_customer(1, ANN))
    product.settle("intake")
    shop.deliver("customers/delete", {"id": 1})
    product.settle("intake", "flows")
    ann = shop.one(persons)
    assert (ann.customer_id, ann.email, ann.orders_count) == (None, ANN, 1)
    assert ann.customer_deleted_at == START
    # Late word changes nothing of that; another record does.
    shop.deliver("customers/update", customer(1, BOB, START + timedelta(minutes=1)))
    product.settle("intake")
    assert (shop.one(persons).customer_id, shop.one(persons).email) == (None, ANN)
    shop.deliver("customers/create", customer(2, ANN, START + timedelta(minutes=2)))
    product.settle("intake")
    ann = shop.one(persons, merged_into=None)
    assert (ann.customer_id, ann.customer_deleted_at) == (2, None)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_the_deletion_of_a_record_that_was_merged_away_takes_nothing_from_the_other(
    product: Installation, shop: ConnectedShop, order: tuple[int, ...]
) -> None:
    told = [
        ("customers/create", customer(2, WORK, START)),
        ("customers/merge", joined(1, 2)),
        ("customers/delete", {"id": 2}),
    ]
    agree(shop, ANN, 1)
    for place in order:
        shop.deliver(*told[place])
        product.settle("intake")
    (ann,) = live(shop)
    assert (ann.customer_id, ann.email, ann.customer_deleted_at) == (1, ANN, None)
    assert {row.value for row in shop.rows(identities, kind="customer")} == {"1", "2"}


def test_what_was_undecided_or_untold_of_the_one_is_so_of_the_other(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("customers/create", customer(1, ANN, START))
    begin_checkout(shop, WORK)
    product.settle("intake")
    guest = shop.one(persons, email=WORK)
    undecided = {row.event_id for row in shop.rows(pending_events, person_id=guest.id)}
    assert undecided and shop.rows(feed, person_id=guest.id)
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        kept = merging.merge(scope, shop.one(persons, email=ANN).id, guest.id, reason="staff")
    assert undecided <= {row.event_id for row in shop.rows(pending_events, person_id=kept)}
    assert {row.person_id for row in shop.rows(feed)} == {kept}
    assert ("flows", shop.id) in product.due()
