"""What may be sent now is asked again right before it leaves, and caps hold however many workers ask at once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, time, timedelta

import pytest

from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, persons
from flows.core.caps import LEAVES_WITHIN
from flows.core.gate import Send
from flows.engine import dispatch
from flows.engine.asking import ask
from flows.engine.book import Book
from flows.engine.people import load
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import agree, begin_checkout, buy, by_customer, subscribe

WORKERS = 8
PEOPLE, CARTS = 6, 5
BODY = """---
subject: {subject}
purpose: marketing
deadline: 20d
---
<p>Hello</p>
"""
# Counted, and entered once per checkout: one person can have many messages due at once.
COUNTED = """
flow: counted
name: Counted
trigger: {on: checkout_started, key: event.checkout_token}
reentry: always
cap: count
steps: [{email: hello}]
"""


def flow(name: str, trigger: str, *, priority: int = 50) -> str:
    return f"flow: {name}\nname: {name}\ntrigger: {{on: {trigger}}}\npriority: {priority}\nsteps: [{{email: hello}}]\n"


def message(subject: str = "Hello") -> str:
    return BODY.format(subject=subject)


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def crowd(product: Installation, shop: ConnectedShop) -> None:
    """Six people with five messages each, all due now."""
    shop.publish(COUNTED, hello=message())
    for person in range(PEOPLE):
        for cart in range(CARTS):
            begin_checkout(shop, f"p{person}@example.com", f"tok-{person}-{cart}")
    product.settle("intake", "fetch", "flows")
    assert len(shop.rows(outbox, state="due")) == PEOPLE * CARTS


def at_once(work: object, count: int = WORKERS) -> None:
    """Run ``work`` in so many threads, begun together."""
    gate = threading.Barrier(count)

    def begin() -> None:
        gate.wait()
        work()  # type: ignore[operator]

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.row("S1-47")
def test_a_cap_holds_with_eight_workers_and_nothing_is_sent_twice(product: Installation, shop: ConnectedShop) -> None:
    crowd(product, shop)

    def work() -> None:
        for _ in range(4):
            dispatch.dispatch_due(shop.deps, shop.shop)

    at_once(work)
    product.settle()
    assert Counter(mail["to"] for mail in shop.mails()) == {f"p{n}@example.com": 3 for n in range(PEOPLE)}
    keys = [mail["idempotency_key"] for mail in shop.mails()]
    assert len(set(keys)) == len(keys)
    left = shop.rows(outbox, state="due")
    assert {(row.reason, row.due_at) for row in left} == {("shop_cap", START + 7 * DAY + LEAVES_WITHIN)}
    product.play_to(START + 7 * DAY + LEAVES_WITHIN)
    assert Counter(mail["to"] for mail in shop.mails()) == {f"p{n}@example.com": 5 for n in range(PEOPLE)}


@pytest.mark.long
def test_asking_without_the_lock_exceeds_the_cap(product: Installation, shop: ConnectedShop) -> None:
    """The control: five workers ask the same gate and send, and only then count."""
    crowd(product, shop)
    person = shop.rows(persons)[0].id
    rows = shop.rows(outbox, person_id=person)
    asked = threading.Barrier(CARTS)
    may: list[bool] = []

    def naive() -> None:
        with shop.scope() as scope:
            row = rows.pop()._mapping
            book = Book(scope.connection, shop.id)
            compiled = book.published("counted", 1).flow
            verdict = ask(scope, book, compiled, load(scope, [person])[person], row)
            asked.wait()
            may.append(isinstance(verdict, Send))

    at_once(naive, CARTS)
    assert may.count(True) > 3


@pytest.mark.row("S5-213")
@pytest.mark.parametrize("change", ["consent", "exit", "cap", "bounce", "out"])
def test_what_changes_between_wanting_and_sending_counts(
    product: Installation, shop: ConnectedShop, change: str
) -> None:
    """The control is the last line: with nothing changed the same message leaves."""
    shop.publish(
        flow("news", "newsletter_subscribed") + "exit: [order_placed]\n",
        hello=message(),
    )
    emails = ["changed@example.com", "same@example.com"]
    for number, email in enumerate(emails, start=1):
        subscribe(shop, email, number)
    product.settle("intake", "fetch", "flows")
    assert [row.state for row in shop.rows(outbox)] == ["due", "due"]
    changed = emails[0]
    match change:
        case "consent":
            # Without the event that would end the flow.
            shop.change(consents, {"state": "unsubscribed"}, person_id=shop.one(persons, email=changed).id)
        case "out":
            product.at(START + timedelta(seconds=1))
            agree(shop, changed, 1, state="unsubscribed")
        case "exit":
            buy(shop, changed, **by_customer(1, changed))
        case "bounce":
            shop.deliver("transactional", reported("hard_bounce", changed, START + HOUR), source="brevo")
        case "cap":
            (row,) = [one for one in shop.rows(outbox) if one.person_id == shop.one(persons, email=changed).id]
            with shop.scope() as scope:
                used = {"person_id": row.person_id, "run_id": row.run_id, "flow": "other", "channel": "email"}
                scope.connection.execute(
                    send_ledger.insert(),
                    [
                        {**used, "shop_id": shop.id, "outbox_id": -n, "purpose": "marketing", "cap": "count",
                         "counted_at": START - n * DAY}
                        for n in (1, 2, 3)
                    ],
                )  # fmt: skip
    product.settle("intake")
    product.settle("deliver")
    assert [mail["to"] for mail in shop.mails()] == ["same@example.com"]
    reason = {"consent": "no_consent", "cap": "shop_cap"}.get(change, "exit_rule")
    assert reason in [row.reason for row in shop.rows(outbox)]


@pytest.mark.row("S1-47")
def test_two_flows_do_not_write_on_the_same_day_and_the_more_important_goes_first(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.publish(flow("minor", "newsletter_subscribed", priority=10), hello=message("minor"))
    shop.publish(flow("major", "newsletter_subscribed", priority=90), hello=message("major"))
    subscribe(shop, "ann@example.com")
    product.play(2 * DAY)
    (first, second) = [(mail["subject"], mail["accepted_at"]) for mail in shop.mails()]
    assert (first[0], second[0]) == ("major", "minor")
    assert datetime.fromtimestamp(second[1], UTC).date() == (START + DAY).date()


def test_quiet_hours_are_waited_out(product: Installation, shop: ConnectedShop) -> None:
    shop.set(quiet_hours={"start": "08:00", "end": "18:30"})
    shop.publish(flow("news", "newsletter_subscribed"), hello=message())
    subscribe(shop, "ann@example.com")
    product.play(DAY)
    ((_, sent_at),) = shop.sent()
    assert sent_at == datetime.combine(START.date(), time(18, 30), UTC)


@pytest.mark.row("S5-214")
def test_a_message_with_a_missing_value_reaches_nobody(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(flow("news", "newsletter_subscribed"), hello=message("Hello {{ person.first_name }}"))
    subscribe(shop, "nameless@example.com", 1)
    subscribe(shop, "named@example.com", 2, first_name="Ann")
    product.settle()
    assert [(mail["to"], mail["subject"]) for mail in shop.mails()] == [("named@example.com", "Hello Ann")]
    assert [row.reason for row in shop.rows(outbox, state="skipped")] == ["render"]


def test_a_cart_message_after_an_outage_is_not_sent_days_late(product: Installation) -> None:
    shop = product.connect("b.myshopify.com", flows=["cart-recovery"])
    begin_checkout(shop, "late@example.com")
    product.settle()
    product.at(START + HOUR)
    product.settle("flows")
    assert [row.state for row in shop.rows(outbox)] == ["due"]
    product.at(START + 8 * HOUR)
    product.settle()
    assert shop.mails() == []
    assert shop.reasons() == [("reminder", "skipped", "deadline")]


@pytest.mark.row("S1-34")
@pytest.mark.row("S1-11")
@pytest.mark.row("S2-01")
@pytest.mark.row("S2-02")
def test_active_flows_start_at_a_first_and_at_a_repeat_order(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(flow("first", "first_order"), hello=message("first"))
    shop.publish(flow("again", "repeat_order"), hello=message("again"))
    shop.publish(flow("drafted", "first_order"), status="draft", hello=message("a draft sends nothing"))
    buyer = by_customer(1, "ann@example.com")
    agree(shop, "ann@example.com")
    for number in range(3):
        buy(shop, "ann@example.com", 9001 + number, **buyer)
        product.play(2 * DAY)
    assert [mail["subject"] for mail in shop.mails()] == ["first", "again"]
