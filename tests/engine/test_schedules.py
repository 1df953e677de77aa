"""Flows that start by the calendar, counted at the provider: everybody whom they let in once for each occurrence,
whoever dies or however long nobody looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert

from connector import worker
from connector.db.session import transaction
from connector.models.event import events
from connector.models.flow import runs, timers
from connector.models.person import persons
from connector.models.schedule import schedules
from flows.core.facts import Facts
from flows.core.schedules import SPREAD
from flows.core.signals import SIGNALS, Derived, schedule
from flows.core.validate import load
from flows.engine import schedules as engine
from tests.core.examples import MESSAGES, definition
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import subscribe
from tests.engine.test_arming import HELLO, customers
from tests.sync.test_merging import joined

# START is a Monday, 9:00 UTC.
TUESDAY = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WEEKLY = """
flow: weekly
name: Weekly
trigger: {on: schedule, every: tuesday, at: "09:00"}
audience: {person.country: {ne: SE}}
reentry: always
steps: [{email: hello}]
"""
PEOPLE = 7


@pytest.fixture
def shop(product: Installation, monkeypatch: pytest.MonkeyPatch) -> ConnectedShop:
    monkeypatch.setattr(engine, "SLICE", 3)
    return product.connect(flows=[], marketing_cap={"count": 100, "days": 1})


def crowd(shop: ConnectedShop) -> list[str]:
    addresses = [f"p{n}@x.test" for n in range(PEOPLE)]
    customers(shop, dict.fromkeys(addresses, 100 * DAY))
    return addresses


def mailed(shop: ConnectedShop) -> Counter[tuple[str, date]]:
    return Counter((mail["to"], datetime.fromtimestamp(mail["accepted_at"], UTC).date()) for mail in shop.mails())


def without_anybody(shop: ConnectedShop, until: datetime) -> None:
    """Business time passes and nobody works."""
    shop.installation.at(until)


@pytest.mark.row("S5-048")
@pytest.mark.row("S4-11")
def test_every_occurrence_lets_everybody_in_once(product: Installation, shop: ConnectedShop) -> None:
    addresses = crowd(shop)
    shop.change(persons, {"country": "SE"}, email=addresses[0])
    shop.publish(WEEKLY, hello=HELLO)
    product.play_to(TUESDAY - HOUR)
    assert shop.mails() == [] and shop.rows(timers) == []
    product.play_to(TUESDAY - timedelta(minutes=1))
    assert len(shop.rows(timers)) == PEOPLE - 1, "prepared, without whom the audience keeps out"
    product.play_to(TUESDAY + 8 * DAY)
    assert mailed(shop) == Counter(
        (email, day.date()) for email in addresses[1:] for day in (TUESDAY, TUESDAY + 7 * DAY)
    )
    late = [at - TUESDAY for _, at in shop.sent() if at < TUESDAY + DAY]
    assert timedelta(0) <= min(late) and max(late) < SPREAD + timedelta(minutes=1) and len(set(late)) > 1
    row = shop.one(schedules)
    assert (row.prepared, row.prepared_armed, row.occurrence) == ("2026-11-10", PEOPLE - 1, "2026-11-17")


def test_where_each_person_is_and_all_at_once(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    told: dict[str, dict[str, Any]] = {
        "p0@x.test": {"timezone": "Asia/Tokyo"},
        # By their address, whatever the profile says.
        "p1@x.test": {"country": "US", "region": "US-NY", "timezone": "Asia/Tokyo"},
        "p2@x.test": {},
    }
    for email, values in told.items():
        shop.change(persons, {"country": None, **values}, email=email)
    shop.publish(WEEKLY.replace('at: "09:00"', 'at: "09:00", zone: person, exact: true'), hello=HELLO)
    product.play_to(TUESDAY + DAY)
    times = {mail["to"]: datetime.fromtimestamp(mail["accepted_at"], UTC) for mail in shop.mails()}
    assert [times[email].replace(second=0) for email in told] == [
        datetime(2026, 11, 3, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 3, 14, 0, tzinfo=UTC),
        TUESDAY,
    ]
    assert len(mailed(shop)) == PEOPLE


def test_after_an_outage_the_last_occurrence_is_made_up_for_within_its_deadline(
    product: Installation, shop: ConnectedShop
) -> None:
    crowd(shop)
    shop.publish(WEEKLY.replace("every: tuesday", "every: day"), hello=HELLO)
    product.settle()
    # Nobody works for three days and an hour: of four occurrences the last is made up for.
    without_anybody(shop, TUESDAY + 2 * DAY + HOUR)
    product.settle()
    assert set(mailed(shop).values()) == {1} and {day for _, day in mailed(shop)} == {date(2026, 11, 5)}
    assert shop.one(schedules).missed == "2026-11-03"
    # Thirteen hours late is past its deadline of twelve.
    without_anybody(shop, TUESDAY + 3 * DAY + 13 * HOUR)
    product.settle()
    assert {day for _, day in mailed(shop)} == {date(2026, 11, 5)} and shop.rows(timers) == []
    product.play_to(TUESDAY + 4 * DAY + HOUR)
    assert {day for _, day in mailed(shop)} == {date(2026, 11, 5), date(2026, 11, 7)}


def test_clocks_that_nobody_heard_in_time_tell_nothing(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    shop.publish(WEEKLY, hello=HELLO)
    product.play_to(TUESDAY - timedelta(minutes=10))
    assert len(shop.rows(timers)) == PEOPLE
    without_anybody(shop, TUESDAY + 13 * HOUR)
    product.settle()
    assert shop.rows(timers) == [] and shop.rows(events, name="schedule") == [] and shop.mails() == []


def test_whoever_dies_leaves_nobody_out_and_nobody_in_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = crowd(shop)
    shop.publish(WEEKLY, hello=HELLO)
    product.play_to(TUESDAY - timedelta(minutes=16))
    product.at(TUESDAY - timedelta(minutes=14))
    passes = iter(range(100))

    def dies_every_second_time(name: str) -> None:
        if next(passes) % 2 == 0:
            raise ConnectionError(name)

    monkeypatch.setattr(engine, "reach", dies_every_second_time)
    for _ in range(20):
        try:
            while worker.work(product.deps, "schedules", shop.id):
                pass
        except ConnectionError:
            continue
    assert next(passes) >= 2 * 3, "each slice was once done in vain"
    monkeypatch.undo()
    # Somebody goes over everybody once more while the clocks ring.
    product.at(TUESDAY + timedelta(minutes=2))
    again = {"occurrence": "2026-11-03", "cursor": 0, "due_at": product.now}
    product.settle("flows")
    shop.change(schedules, again)
    product.play_to(TUESDAY + HOUR)
    assert mailed(shop) == Counter((email, TUESDAY.date()) for email in addresses)


def test_control_without_one_name_for_one_occurrence_everybody_enters_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told under a new name each time, with nobody remembering who was in."""

    def as_of_now(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
        (told,) = schedule.fire(payload, facts, now).events
        return Derived((replace(told, identity=f"{told.identity}:{now}"),))

    crowd(shop)
    monkeypatch.setitem(SIGNALS, "schedule", replace(SIGNALS["schedule"], fire=as_of_now))  # type: ignore[arg-type]
    shop.publish(WEEKLY, hello=HELLO)
    product.play_to(TUESDAY + HOUR)
    with transaction(shop.deps.engine) as connection:
        connection.execute(delete(runs))
    shop.change(schedules, {"occurrence": "2026-11-03", "cursor": 0, "due_at": product.now})
    product.settle()
    assert len(shop.mails()) == 2 * PEOPLE


def test_two_who_become_one_between_their_moments_are_let_in_once(product: Installation, shop: ConnectedShop) -> None:
    for number, email in ((1, "ann@x.test"), (2, "ann@work.test")):
        subscribe(shop, email, number)
    product.settle()
    shop.change(persons, {"timezone": "Asia/Tokyo"}, customer_id=1)
    shop.change(persons, {"timezone": "America/New_York"}, customer_id=2)
    shop.publish(WEEKLY.replace('at: "09:00"', 'at: "09:00", zone: person'), hello=HELLO)
    product.play_to(TUESDAY)
    assert [mail["to"] for mail in shop.mails()] == ["ann@x.test"]
    shop.deliver("customers/merge", joined(2, 1))
    product.play_to(TUESDAY + DAY)
    assert len(shop.mails()) == 1
    product.play_to(TUESDAY + 8 * DAY)
    assert len(shop.mails()) == 2, "the next occurrence is another one"


def test_another_schedule_and_a_pause(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    shop.publish(WEEKLY, hello=HELLO)
    product.play_to(TUESDAY - timedelta(minutes=10))
    # Ten minutes before, when everybody has a clock, it becomes Wednesdays.
    wednesdays = WEEKLY.replace("every: tuesday", "every: wednesday")
    shop.publish(wednesdays, hello=HELLO)
    product.play_to(TUESDAY + HOUR)
    assert shop.mails() == [] and shop.one(schedules).occurrence == "2026-11-04"
    # Nobody enters a flow that is paused, and what came meanwhile is not made up for.
    shop.publish(wednesdays, status="paused", hello=HELLO)
    product.play_to(TUESDAY + DAY + 2 * HOUR)
    shop.publish(wednesdays, hello=HELLO)
    product.play_to(TUESDAY + 2 * DAY)
    assert shop.mails() == [] and shop.one(schedules).occurrence == "2026-11-11"
    product.play_to(TUESDAY + 9 * DAY)
    assert len(shop.mails()) == PEOPLE
    # Without a schedule nobody looks any more.
    shop.publish(WEEKLY.replace('{on: schedule, every: tuesday, at: "09:00"}', "{on: order_placed}"), hello=HELLO)
    product.play_to(product.now + 8 * DAY)
    assert shop.rows(schedules) == [] and len(shop.mails()) == PEOPLE


def test_of_those_who_did_not_agree_nobody_is_looked_at_unless_more_than_mail_is_for_them(
    product: Installation, shop: ConnectedShop
) -> None:
    with transaction(shop.deps.engine) as connection:
        for n in range(4):
            values = {"email": f"q{n}@x.test", "tags": [], "orders_count": 0, "total_spent": 0, "version": 1}
            seed = f"00000000-0000-0000-0000-00000000000{n}"
            connection.execute(insert(persons).values(shop_id=shop.id, seed=seed, created_at=START, **values))
    crowd(shop)
    with shop.scope() as scope:

        def looked_at(steps: list[object]) -> int:
            data = definition(
                trigger={"on": "schedule", "every": "day", "at": "09:00"}, goal=None, exit=None, steps=steps
            )
            flow = load(data, messages=MESSAGES)
            row = type("Row", (), {"cursor": 0})()
            found = []
            while people := engine._people(scope, engine._Held(row, flow, flow.trigger.schedule)):
                found += people
                row.cursor = people[-1]
            return len(found)

        assert looked_at([{"email": "last"}]) == PEOPLE
        assert looked_at([{"end": "done"}]) == PEOPLE + 4
