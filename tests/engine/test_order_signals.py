"""Signals of orders, dates and cycles on the real parts: each fact is told once, whatever comes again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import update

from connector import eventlog
from connector.cli.signals import signals as command
from connector.db.session import autocommitted
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.models.event import events
from connector.models.flow import timers
from connector.models.mapping import profile_fields
from connector.models.person import persons
from connector.models.staff import audit_log
from connector.models.store import products
from connector.models.told import subscriptions
from flows.engine import arming
from flows.engine.arming import Choice
from sync import birthdays, merging, people
from tests.api.teller import Teller, teller_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import line, order
from tests.engine.shoppers import buy
from tests.sandbox.store_process import SHOP

ANN, BOB = "ann@example.com", "bob@example.com"
COFFEE = {"products": [{"tag": "coffee", "kind": "coffee-1lb"}]}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)


def hears(shop: ConnectedShop, *names: str, **signals: Any) -> None:
    """Brevo is told of these signals."""
    shop.set(event_mapping={name: {"as": name} for name in names}, signals=signals)


def told(shop: ConnectedShop, name: str) -> list[Any]:
    return sorted(shop.rows(events, name=name), key=lambda row: row.occurred_at)


def at_brevo(shop: ConnectedShop) -> Counter[str]:
    return Counter(one["event_name"] for one in shop.account.state()["events"])


def person(shop: ConnectedShop, email: str) -> int:
    return int(shop.one(persons, email=email).id)


def cancel(shop: ConnectedShop, email: str, order_id: int) -> None:
    now = shop.installation.now
    body = order(order_id, email, now - HOUR, updated=now, cancelled_at=now.isoformat())
    shop.deliver("orders/cancelled", body)


def merged(shop: ConnectedShop, kept: int, gone: int) -> None:
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        merging.merge(scope, kept, gone, reason="staff")


NUMBERS = ("milestone_order", "high_value_order", "order_count_reached", "total_spent_reached")


@pytest.mark.row("S2-04", "S2-03", "S5-229")
def test_nothing_is_told_twice_however_often_an_order_comes(product: Installation, shop: ConnectedShop) -> None:
    hears(shop, *NUMBERS, milestone_order={"orders": [2]}, order_count_reached={"orders": [2]})
    shop.set(signals={**shop.shop.settings["signals"], "total_spent_reached": {"amounts": ["150"]}})
    dear = {"total_price": "120.00", "current_total_price": "120.00"}
    for number in (1, 2):
        product.at(START + number * HOUR)
        buy(shop, ANN, number, **dear)
        product.settle()
    expected = {"milestone_order": 1, "high_value_order": 2, "order_count_reached": 1, "total_spent_reached": 1}
    assert {name: len(told(shop, name)) for name in NUMBERS} == expected
    # The same bytes under another id, a later state, and what a sync of staff finds.
    for topic in ("orders/create", "orders/updated", "orders/paid"):
        product.at(product.now + HOUR)
        body = order(2, ANN, START + 2 * HOUR, updated=product.now, **dear)
        shop.deliver(topic, body)
        product.settle()
    # The second is cancelled, and another order is the second now.
    product.at(product.now + HOUR)
    cancel(shop, ANN, 2)
    product.settle()
    product.at(product.now + HOUR)
    buy(shop, ANN, 3, **dear)
    product.settle()
    assert shop.one(persons, email=ANN).orders_count == 2
    assert {name: len(told(shop, name)) for name in NUMBERS} == {**expected, "high_value_order": 3}
    assert {name: at_brevo(shop)[name] for name in NUMBERS} == {**expected, "high_value_order": 3}


@pytest.mark.row("S3-09")
def test_paid_orders_are_counted_as_they_are_paid_whichever_is_paid_last(
    product: Installation, shop: ConnectedShop
) -> None:
    hears(shop, "confirmed_orders_reached", confirmed_orders_reached={"orders": [2]})

    def happens(topic: str, number: int, **fields: Any) -> int:
        product.at(product.now + HOUR)
        moments = {1: START, 2: START + HOUR, 3: START + 2 * HOUR}
        shop.deliver(topic, order(number, ANN, moments[number], updated=product.now, **fields))
        product.settle()
        return len(told(shop, "confirmed_orders_reached"))

    # One that is not paid, one that is called off, and one that is paid: that is one.
    assert happens("orders/create", 1, financial_status="pending") == 0
    assert happens("orders/create", 2, financial_status="paid") == 0
    assert happens("orders/create", 3, financial_status="paid", cancelled_at=START.isoformat()) == 0
    # The first is paid at last; whatever is told of it again is no news.
    assert happens("orders/paid", 1, financial_status="paid") == 1
    assert happens("orders/updated", 1, financial_status="paid") == 1
    (only,) = told(shop, "confirmed_orders_reached")
    assert (only.props["orders"], only.props["order_id"]) == (2, 1)


@pytest.mark.parametrize("remembers", [True, False])
def test_what_was_told_of_who_turned_out_to_be_the_same_is_not_told_again(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, remembers: bool
) -> None:
    """Bob came to two orders, and turns out to be Ann. The control forgets who she was."""
    if not remembers:
        monkeypatch.setattr(eventlog, "_also", lambda shop_id, fact: set())
    hears(shop, "milestone_order", milestone_order={"orders": [2]})
    for number in (1, 2):
        buy(shop, BOB, number)
        product.settle()
        product.at(product.now + HOUR)
    with shop.scope() as scope:
        kept = people.identify(scope, email=ANN)
    assert kept is not None and len(told(shop, "milestone_order")) == 1
    merged(shop, kept.person_id, person(shop, BOB))
    cancel(shop, BOB, 2)
    product.settle()
    product.at(product.now + HOUR)
    buy(shop, ANN, 3)
    product.settle()
    assert shop.one(persons, id=kept.person_id).orders_count == 2
    assert len(told(shop, "milestone_order")) == (1 if remembers else 2)


REMINDER = """
flow: reorder
name: Reorder
trigger: {on: replenishment_due, key: event.product_id}
reentry: always
exit: [order_placed, subscription_started]
steps: [{email: low}, {wait: 5d}, {email: low-again}]
"""
LOW = "---\nsubject: 'Running low on {{ event.title }}'\npurpose: transactional\n---\n<p>{{ event.reorder_url }}</p>\n"


def shelf(shop: ConnectedShop, **tags: list[str]) -> None:
    with shop.scope() as scope:
        for name, told in tags.items():
            row = {"shop_id": shop.id, "id": int(name[1:]), "title": name, "tags": told, "status": "active"}
            scope.connection.execute(products.insert().values(row))


@pytest.mark.row("S5-127", "S5-128", "S5-131")
def test_what_is_used_up_is_told_on_its_day_and_a_reorder_starts_anew(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.set(signals={"replenishment_due": COFFEE})
    shelf(shop, p101=["coffee"], p102=["mug"], p103=["coffee"])
    shop.publish(REMINDER, **{"low": LOW, "low-again": LOW})
    lines = [line("Beans", product_id=101), line("Mug", product_id=102), line("Ground", product_id=103)]
    buy(shop, ANN, 1, line_items=lines)
    product.play_to(START + 5 * DAY)
    buy(shop, ANN, 2, line_items=[line("Beans", product_id=101, quantity=2)])
    product.settle()
    # It is not sold any more.
    with shop.scope() as scope:
        scope.connection.execute(update(products).where(products.c.id == 103).values(status="archived"))
    product.play_to(START + 17 * DAY - HOUR)
    assert shop.sent() == []
    product.play_to(START + 18 * DAY)
    (mail,) = shop.mails()
    assert mail["subject"] == "Running low on Beans" and "/cart/1010:2" in mail["html"]
    (one,) = told(shop, "replenishment_due")
    assert one.occurred_at == START + 17 * DAY and one.props["order_id"] == 2
    # A reorder ends the reminders and starts the time anew; so does a subscription, for good.
    buy(shop, ANN, 3, line_items=[line("Beans", product_id=101)])
    product.play_to(START + 31 * DAY)
    teller.tell("subscription", {"email": ANN}, subscription="s1", change="started")
    product.play_to(START + 60 * DAY)
    assert shop.sent() == [("low", START + 17 * DAY), ("low", START + 30 * DAY)]
    assert shop.rows(timers) == []


def test_control_who_does_not_reorder_is_reminded_again(product: Installation, shop: ConnectedShop) -> None:
    shop.set(signals={"replenishment_due": COFFEE})
    shelf(shop, p101=["coffee"])
    shop.publish(REMINDER, **{"low": LOW, "low-again": LOW})
    buy(shop, ANN, 1, line_items=[line("Beans", product_id=101)])
    product.play_to(START + 60 * DAY)
    assert shop.sent() == [("low", START + 12 * DAY), ("low-again", START + 17 * DAY)]


@pytest.mark.row("S1-14", "S2-11", "S3-05")
def test_a_birthday_is_told_each_year_once_and_by_the_newest_word(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    hears(shop, "birthday", birthday={"metafield": "facts.birth_date", "answer": "born"})
    teller.tell("form_submitted", {"email": ANN}, form="hello", answers={"born": "1990-11-20", "size": "S"})
    product.settle()
    assert shop.one(profile_fields, source="birthday").value == "11-20"
    shop.change(persons, {"country": "JP"}, email=ANN)
    field = {"namespace": "facts", "key": "birth_date", "type": "date", "value": "1991-11-10"}
    for _ in range(2):
        with shop.scope() as scope:
            lock_shop(scope, NORMALISE)
            lock_persons(scope, [person(shop, ANN)])
            node = {"updatedAt": product.now.isoformat(), "metafields": {"nodes": [field]}}
            birthdays.from_store(scope, person(shop, ANN), node)
        product.settle()
    assert len(told(shop, "birthday_told")) == 2
    product.play_to(START + 400 * DAY)
    # At nine in Tokyo.
    assert [row.occurred_at.isoformat() for row in told(shop, "birthday")] == [
        "2026-11-10T00:00:00+00:00", "2027-11-10T00:00:00+00:00",
    ]  # fmt: skip
    assert at_brevo(shop)["birthday"] == 2


def test_without_the_setting_nothing_is_kept_of_birthdays(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """The control."""
    hears(shop, "birthday")
    teller.tell("form_submitted", {"email": ANN}, form="hello", answers={"born": "1990-11-20"})
    product.settle()
    assert shop.rows(profile_fields) == [] and told(shop, "birthday_told") == []


def test_what_is_set_of_signals(shop: ConnectedShop) -> None:
    def run(*arguments: str, said: str | None = None, code: int = 0) -> str:
        result = CliRunner().invoke(command, [*arguments, "--shop", SHOP], obj=shop.deps.settings, input=said)
        assert result.exit_code == code, result.output
        return result.output

    run("set", "-", said=orjson.dumps({"milestone_order": {"orders": [3]}}).decode())
    output = run("set", "-", said='{"birthday": {"metafield": "facts.birth_date"}}')
    assert "Birthdays are read from the store: run" in output
    assert "birthday" in run("set", "-", said='{"birthday": {"at": "9"}}', code=1)
    held = orjson.loads(run("show"))
    assert held["birthday"]["metafield"] == "facts.birth_date" and held["milestone_order"]["orders"] == [5, 10, 20]
    assert held["high_value_order"]["amounts"] == ["100.00"]
    assert [line.object_id for line in shop.rows(audit_log, act="signals.choose")] == ["milestone_order", "birthday"]


def put_into_cart(shop: ConnectedShop, token: str, email: str) -> None:
    now = shop.installation.now.isoformat()
    shop.deliver("carts/create", {"id": token, "token": token, "created_at": now, "updated_at": now,
                                  "line_items": [line()]})  # fmt: skip
    shop.installation.settle("intake")
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        found = people.identify(scope, email=email)
        assert found is not None
        people.attach(scope, found.person_id, [("cart", token)])


@pytest.mark.row("S3-04", "S5-230", "S2-12")
def test_clocks_of_carts_payments_and_subscriptions(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    names = ("cart_abandoned", "payment_still_pending", "renewal_upcoming")
    hears(shop, *names)
    put_into_cart(shop, "c1", ANN)
    put_into_cart(shop, "c2", BOB)
    buy(shop, BOB, 1, financial_status="pending")
    buy(shop, "eve@example.com", 2, financial_status="pending")
    renews = {"renews_at": (START + 20 * DAY).isoformat(), "plan": "Coffee club"}
    for number in ("s1", "s2", "s1"):
        # Told twice it is one.
        teller.tell("subscription", {"email": ANN}, subscription=number, change="started", **renews)
    product.play(2 * HOUR)
    assert [row.key for row in told(shop, "cart_abandoned")] == ["c1"], "Bob has ordered since"
    shop.deliver("orders/paid", order(2, "eve@example.com", START, updated=product.now))
    teller.tell("subscription", {"email": ANN}, subscription="s2", change="cancelled")
    # Word from before says nothing of now.
    early = (START - DAY).isoformat()
    teller.tell("subscription", {"email": ANN}, subscription="s2", change="started", occurred_at=early, **renews)
    product.play(DAY)
    assert [row.key for row in told(shop, "payment_still_pending")] == ["1"]
    product.play_to(START + 40 * DAY)
    (renewal,) = told(shop, "renewal_upcoming")
    assert (renewal.key, renewal.occurred_at) == ("s1", START + 13 * DAY)
    assert {name: at_brevo(shop)[name] for name in names} == dict.fromkeys(names, 1)
    assert {row.subscription: row.active for row in shop.rows(subscriptions)} == {"s1": True, "s2": False}
    assert [row.name for row in shop.rows(events, name="subscription_started")] == ["subscription_started"] * 4


def test_the_past_of_dates_and_cycles_is_armed_by_an_act(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """All this happened while nobody heard of it."""
    shop.set(signals={"replenishment_due": COFFEE, "birthday": {"answer": "born", "days_before": [0, 7]}})
    shelf(shop, p101=["coffee"])
    buy(shop, ANN, 1, financial_status="pending")
    teller.tell("form_submitted", {"email": ANN}, form="hello", answers={"born": "11-20"})
    renews = (START + 20 * DAY).isoformat()
    teller.tell("subscription", {"email": ANN}, subscription="s1", change="started", renews_at=renews)
    product.settle()
    put_into_cart(shop, "c1", BOB)
    product.settle()
    names = (
        "replenishment_due", "birthday", "renewal_upcoming", "payment_still_pending", "cart_abandoned",
        "days_since_first_order",
    )  # fmt: skip
    assert shop.rows(timers, kind="signal") == []
    hears(shop, *names, **shop.shop.settings["signals"])
    for name in names:
        with autocommitted(shop.deps.engine) as connection:
            seen = arming.preview(connection, shop.shop, Choice(name), product.now)
        with shop.scope() as scope:
            arming.start(scope, Choice(name), by="cli")
        product.settle("arming")
        assert seen.in_time == (2 if name == "birthday" else 1), name
    due = {row.key: row.due_at - START for row in shop.rows(timers, kind="signal")}
    assert due == {
        "replenishment_due:101": 12 * DAY,
        "birthday:0": timedelta(days=18) - timedelta(seconds=10),
        "birthday:7": timedelta(days=11) - timedelta(seconds=10),
        "renewal_upcoming:s1:7": 13 * DAY,
        "payment_still_pending:1": DAY,
        "cart_abandoned:c1": HOUR,
        "days_since_first_order:": 30 * DAY,
    }
    product.play_to(START + 31 * DAY)
    assert {name: at_brevo(shop)[name] for name in names} == {**dict.fromkeys(names, 1), "birthday": 2}
