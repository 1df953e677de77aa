"""Claims that end while others hold, want or have taken over the same rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from connector.db.session import autocommitted, transaction
from connector.shops import Shop
from sync.copies import claims, contact
from sync.copies.claims import Ending
from sync.copies.contact import CONTACTS
from sync.copies.resource import Also, Claim, Resource, Snapshot
from sync.copies.sending import send_due
from tests.sync.world import World, world

LEASE = timedelta(seconds=25)


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        yield made


def claim(shop: World, connection: Connection, entity: str = "contact") -> Claim:
    machine = shop.clock.machine()
    (held,), _ = claims.claim(connection, shop.shop, ((entity, None, 1),), machine, machine + LEASE)
    return held


def claimed(shop: World, entity: str = "contact") -> Claim:
    with shop.transaction() as connection:
        return claim(shop, connection, entity)


def end(shop: World, held: Claim, also: Also | None = None, **ending: Any) -> bool:
    with autocommitted(shop.deps.engine) as connection:
        return claims.end(connection, shop.shop, held, Ending("done", 1, shop.clock.machine(), **ending), also)


def until_somebody_waits_for_a_lock(shop: World) -> None:
    waiting = text("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    with autocommitted(shop.deps.engine) as connection:
        for _ in range(1000):
            if connection.execute(waiting).rowcount:
                return
            threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


# A lease that ran out


def test_an_ending_within_its_lease_is_written_once(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    assert end(shop, claimed(shop), sent=1)
    row = shop.state(person)
    assert (row.state, row.sent_version, row.lease_real) == ("done", 1, None)


def taken_over(shop: World) -> tuple[Claim, Claim]:
    """The first claim of a contact, whose lease ran out, and the one that came after it."""
    shop.wish(shop.person(1))
    first = claimed(shop)
    shop.clock.pass_seconds(26)
    return first, claimed(shop)


def test_who_is_late_and_brought_nothing_leaves_the_row_to_the_other(shop: World) -> None:
    late, other = taken_over(shop)
    before = shop.state(late.entity_id)
    assert not end(shop, late)
    assert shop.state(late.entity_id) == before
    assert end(shop, other, sent=1), "the other's claim is whole"


def test_who_is_late_and_was_accepted_makes_the_newest_go_once_more_after_the_others_lease(shop: World) -> None:
    late, other = taken_over(shop)
    assert not end(shop, late, sent=1)
    row = shop.state(late.entity_id)
    assert (row.state, row.sent_version, row.lease_real) == ("due", 0, other.lease)
    assert send_due(shop.deps, shop.shop, [CONTACTS]).done == 0, "while the other may be calling"
    shop.clock.pass_seconds(26)
    assert send_due(shop.deps, shop.shop, [CONTACTS]).done == 1
    assert shop.state(late.entity_id).state == "done"


def test_who_ends_while_the_row_is_being_taken_over_is_late_too(shop: World) -> None:
    """What the ending saw when it began is not what it finds when it may write."""
    shop.wish(shop.person(1))
    late = claimed(shop)
    shop.clock.pass_seconds(26)
    with ThreadPoolExecutor(1) as pool:
        with transaction(shop.deps.engine) as connection:
            other = claim(shop, connection)
            ending = pool.submit(end, shop, late, sent=1)
            until_somebody_waits_for_a_lock(shop)
        assert ending.result(10) is False
    row = shop.state(late.entity_id)
    assert (row.state, row.lease_real) == ("due", other.lease)


# What is written with an ending


@pytest.mark.parametrize("late", [False, True])
def test_what_belongs_to_an_ending_is_written_within_the_lease_or_not(shop: World, late: bool) -> None:
    first, second = taken_over(shop)
    renamed = Also("UPDATE shops SET name = :new_name WHERE id = :shop_id", {"new_name": "Two"})
    assert end(shop, first if late else second, renamed, sent=1) is not late
    with shop.transaction() as connection:
        assert connection.scalar(text("SELECT name FROM shops")) == "Two"


def test_a_name_of_the_ending_cannot_be_given_another_value(shop: World) -> None:
    shop.wish(shop.person(1))
    with pytest.raises(ValueError, match="names of the ending itself: state"):
        end(shop, claimed(shop), Also("UPDATE shops SET name = :state WHERE id = :shop_id", {"state": "Two"}))


# Waiting for a contact


def event_and_contact(shop: World, *, wished: bool = True) -> tuple[int, Claim]:
    """A person, and the claim of an event of theirs; their contact is wished for and not at Brevo."""
    person = shop.person(1)
    if wished:
        shop.wish(person)
    shop.happened(person, "a", 1)
    return person, claimed(shop, "events")


def put_aside(shop: World, event: Claim, connection: Connection | None = None, **seen: Any) -> Any:
    """The event's row after it was put aside, as somebody who has seen the contact like this does it."""
    snapshot = Snapshot(event, event.wanted_version, nothing="its contact", waits_for=event.entity_id, **seen)
    if connection is not None:
        return claims.wait_for_contact(connection, shop.shop, [snapshot], shop.clock.machine())
    with autocommitted(shop.deps.engine) as own:
        claims.wait_for_contact(own, shop.shop, [snapshot], shop.clock.machine())
    return shop.state(event.entity_id, "events")


def test_a_claim_waits_while_its_contact_is_as_it_was_seen(shop: World) -> None:
    row = put_aside(shop, event_and_contact(shop)[1])
    assert (row.state, row.lease_real, row.reason) == ("waiting", None, "its contact")


@pytest.mark.parametrize("word", ["accepted", "cannot be sent", "was not cannot be sent"])
def test_a_claim_does_not_wait_for_a_contact_that_is_another_by_now(shop: World, word: str) -> None:
    _, event = event_and_contact(shop)
    if word != "was not cannot be sent":
        end(shop, claimed(shop), sent=1 if word == "accepted" else 0)
    row = put_aside(shop, event, hopeless=word == "was not cannot be sent")
    assert (row.state, row.due_real, row.lease_real) == ("due", shop.clock.machine(), None)


def test_of_many_that_are_put_aside_at_once_each_waits_for_its_own_contact(shop: World) -> None:
    people = [shop.person(number) for number in (1, 2, 3)]
    shop.wish(people[0])
    end(shop, claimed(shop), sent=1)
    shop.wish(people[1])
    for number, person in enumerate(people, start=1):
        shop.happened(person, "a", number)
    machine = shop.clock.machine()
    with autocommitted(shop.deps.engine) as connection:
        held, _ = claims.claim(connection, shop.shop, (("events", None, 3),), machine, machine + LEASE)
        assert len(held) == 3
        waiting = [Snapshot(one, one.wanted_version, nothing="its contact", waits_for=one.entity_id) for one in held]
        claims.wait_for_contact(connection, shop.shop, waiting, machine)
    rows = [shop.state(person, "events") for person in people]
    assert [row.state for row in rows] == ["due", "waiting", "due"]
    assert [row.due_real - machine for row in rows[::2]] == [timedelta(0), timedelta(seconds=1)]


def test_a_claim_waits_for_a_contact_that_cannot_be_sent(shop: World) -> None:
    _, event = event_and_contact(shop)
    end(shop, claimed(shop))
    assert put_aside(shop, event, hopeless=True).state == "waiting"


@pytest.mark.parametrize("held", [False, True])
def test_a_contact_that_is_not_there_or_just_being_written_is_looked_at_again(shop: World, held: bool) -> None:
    person, event = event_and_contact(shop, wished=held)
    with shop.transaction() as connection:
        connection.execute(text("SELECT FROM sync_state WHERE entity = 'contact' FOR UPDATE"))
        row = put_aside(shop, event)
    assert (row.state, row.due_real) == ("due", shop.clock.machine() + timedelta(seconds=1))


def test_who_is_late_puts_nothing_aside(shop: World) -> None:
    person, late = event_and_contact(shop)
    shop.clock.pass_seconds(26)
    claimed(shop, "events")
    before = shop.state(person, "events")
    assert put_aside(shop, late) == before


@pytest.mark.parametrize("meanwhile", ["another event", "the contact is accepted"])
def test_what_changes_while_a_claim_waits_for_its_own_row_is_seen(shop: World, meanwhile: str) -> None:
    """The statement began before; it has to see what is there when it may write."""
    person, event = event_and_contact(shop)
    contacts_claim = claimed(shop)
    with ThreadPoolExecutor(1) as pool:
        with shop.transaction() as connection:
            row = "SET wanted_version = wanted_version + 1" if meanwhile == "another event" else "SET reason = NULL"
            connection.execute(text(f"UPDATE sync_state {row} WHERE entity = 'events'"))
            putting = pool.submit(put_aside, shop, event)
            until_somebody_waits_for_a_lock(shop)
            if meanwhile == "the contact is accepted":
                end(shop, contacts_claim, sent=1)
        row = putting.result(10)
    assert (row.state, row.due_real) == ("due", shop.clock.machine())


def put_an_event_aside_during_the_contacts_call(shop: World, resource: Resource) -> Any:
    """The event's row after the contact's ending, which met the open transaction that put the event aside."""
    person, event = event_and_contact(shop)
    aside = threading.Event()

    def put() -> None:
        with transaction(shop.deps.engine) as connection:
            put_aside(shop, event, connection)
            aside.set()
            until_somebody_waits_for_a_lock(shop)

    with ThreadPoolExecutor(1) as pool:
        putting: list[Future[None]] = []

        def call(_: httpx.Request) -> None:
            putting.append(pool.submit(put))
            assert aside.wait(10)

        shop.brevo.answer = call
        send_due(shop.deps, shop.shop, [resource])
        putting[0].result(10)
    assert shop.state(person).state == "done"
    return shop.state(person, "events")


def test_what_is_put_aside_while_the_contacts_word_comes_is_woken(shop: World) -> None:
    assert put_an_event_aside_during_the_contacts_call(shop, CONTACTS).state == "due"


def test_control_a_wake_in_one_statement_with_the_ending_sees_nobody(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = claims.end

    def at_once(connection: Connection, of: Shop, held: Claim, becomes: Ending, also: Also | None = None) -> bool:
        if held.entity == "contact":
            also = Also(str(contact._WAKE), {"person_ids": [held.entity_id], "machine": becomes.again})
        return ending(connection, of, held, becomes, also)

    monkeypatch.setattr(claims, "end", at_once)
    row = put_an_event_aside_during_the_contacts_call(shop, replace(CONTACTS, settled=None))
    assert row.state == "waiting", "and nobody will ever wake it"
