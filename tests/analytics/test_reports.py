"""From what the store and the provider tell to every figure that staff are shown: people, messages, orders, revenue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from connector.cli.report import report
from connector.db.session import autocommitted
from connector.models.person import persons
from flows import analytics
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation, installation
from tests.engine.payloads import order, reported
from tests.engine.shoppers import buy, by_customer, subscribe
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess

FLOW = """flow: hello
name: Hello
trigger: {on: newsletter_subscribed}
goal: {on: order_placed, within: 14d}
exit: [unsubscribed]
reentry: always
steps:
  - email: first
  - wait: 1d
  - email: second
"""
MAIL = "---\nsubject: {0}\npurpose: marketing\ndeadline: 6d\n---\n<p>Hello</p>\n"
PEOPLE = ("ann", "bob", "cid", "dee")


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store) as made:
        yield made


def told(shop: ConnectedShop, event: str, name: str, message: str = "first", **fields: Any) -> None:
    mail = next(one for one in shop.mails(f"{name}@x.test") if one["tags"][1] == message)
    ours = {"message-id": mail["message_id"], "X-Mailin-custom": mail["custom"], **fields}
    now = shop.installation.now
    shop.deliver("transactional", reported(event, f"{name}@x.test", now, **ours), source="brevo")


def count(shop: ConnectedShop) -> None:
    """The figures rest in tests that are not about them: wake them."""
    with shop.scope() as scope:
        scope.connection.execute(text("UPDATE figure_passes SET due_real = :now"), {"now": scope.machine})
    shop.installation.settle("figures")


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """Four people come in. Ann opens, follows and buys; Bob opts out; Cid's mailbox is gone; Dee complains later."""
    shop = product.connect(
        flows=[], marketing_cap={"count": 100, "days": 1}, message_costs={"email": {"default": "0.01"}}
    )
    shop.publish(FLOW, first=MAIL.format("first"), second=MAIL.format("second"))
    for number, name in enumerate(PEOPLE, 1):
        subscribe(shop, f"{name}@x.test", number)
    product.settle()
    product.at(START + HOUR)
    for name in ("ann", "bob", "dee"):
        told(shop, "delivered", name)
    told(shop, "hard_bounce", "cid")
    for name in ("ann", "bob"):
        told(shop, "unique_opened", name)
    told(shop, "click", "ann", link="https://shop.example/a")
    told(shop, "unsubscribed", "bob")
    product.settle()
    product.at(START + 2 * HOUR)
    buy(shop, "ann@x.test", 9001, **by_customer(1, "ann@x.test"))
    product.settle()
    product.play_to(START + DAY + HOUR)
    told(shop, "delivered", "dee", "second")
    told(shop, "spam", "dee", "second")
    product.settle()
    count(shop)
    return shop


def run(shop: ConnectedShop, *words: str) -> Result:
    result = CliRunner().invoke(report, [*words, "--shop", shop.shop.domain], obj=shop.deps.settings)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.row("S1-45", "S1-48", "S1-49", "S1-50", "S1-51", "S1-53", "S2-39", "S2-40", "S2-41", "S2-42", "S2-43")
@pytest.mark.row("S3-17", "S5-184", "S5-185", "S5-186", "S5-187", "S5-188", "S5-189", "S5-190", "S5-191")
def test_every_figure_of_a_flow_comes_from_what_was_told(shop: ConnectedShop) -> None:
    with autocommitted(shop.deps.engine) as connection:
        found = analytics.by_flow(connection, shop.shop)["hello"]
        messages = {one.message: one.figures for one in analytics.by_message(connection, shop.shop, "hello")}
        channels = analytics.by_channel(connection, shop.shop)
        days = analytics.by_day(connection, shop.shop, START.date(), START.date() + DAY, flow="hello")
    # People: all came in, Ann reached the goal, Dee came to the end.
    assert (found.entered, found.inside, found.completed, found.exited, found.converted) == (4, 0, 1, 3, 1)
    assert (found.completion_rate, found.conversion_rate) == (0.25, 0.25)
    assert found.time_to_conversion == 2 * HOUR
    # Messages, each of those that it reached.
    first, second = messages["first"], messages["second"]
    assert (first.sent, first.delivered, first.opened, first.clicked) == (4, 3, 2, 1)
    assert (first.open_rate, first.click_rate, first.unsubscribe_rate) == (2 / 3, 1 / 3, 1 / 3)
    assert (first.bounce_rate, first.complaint_rate) == (0.25, 0)
    assert (second.sent, second.opened, second.complaint_rate) == (1, 0, 1)
    assert (found.sent, found.delivered, found.opened, found.cost) == (5, 4, 2, Decimal("0.05"))
    # Ann's order is the first message's, which she followed.
    assert (first.orders, first.revenue, second.orders) == (1, Decimal("14.90"), 0)
    assert first.revenue_per_recipient == Decimal("14.90") / 4
    assert channels == {"email": first + second}
    assert [(one.figures.sent, one.figures.revenue) for one in days] == [(4, Decimal("14.90")), (1, Decimal(0))]


@pytest.mark.row("S1-52", "S3-14", "S5-028", "S5-192")
def test_where_people_stop_is_told_of_each_step(shop: ConnectedShop) -> None:
    with autocommitted(shop.deps.engine) as connection:
        steps = {one.step: one for one in analytics.by_step(connection, shop.shop, "hello", 1)}
        assert analytics.by_step(connection, shop.shop, "hello", 2) == []
    told = {name: (one.reached, one.inside, one.gone_on) for name, one in steps.items() if name}
    assert told == {"email-first": (4, 0, 4), "wait": (4, 0, 1), "email-second": (1, 0, 1)}
    # Bob's opt-out, and what a dead mailbox comes to.
    assert steps["wait"].ended == {"exit:unsubscribed": 2, "goal": 1}
    assert steps[""].ended == {"completed": 1}


@pytest.mark.row("S3-15", "S3-16")
def test_who_got_it_who_bought_and_what_came_back(shop: ConnectedShop) -> None:
    ids = {row.email.partition("@")[0]: row.id for row in shop.rows(persons)}
    with autocommitted(shop.deps.engine) as connection:
        listed = analytics.recipients(connection, shop.shop, "hello").rows
        (bought,) = analytics.buyers(connection, shop.shop, "hello").rows
    assert Counter((one.person_id, one.message) for one in listed) == Counter(
        [*((ids[name], "first") for name in PEOPLE), (ids["dee"], "second")]
    )
    (owed,) = [one for one in listed if one.order_id is not None]
    assert (owed.person_id, owed.outbox_id, owed.order_id) == (ids["ann"], bought.outbox_id, 9001)
    assert (bought.order_name, bought.person_id, bought.message, bought.touch) == (
        "#9001",
        ids["ann"],
        "first",
        "clicked",
    )
    assert (bought.amount, bought.refunded, bought.revenue) == (Decimal("14.90"), 0, Decimal("14.90"))
    # Money that is given back is no revenue; the order is still one.
    back = {"kind": "refund", "status": "success", "amount": "4.90"}
    moment = shop.installation.now.isoformat()
    shop.deliver("refunds/create", {"id": 3, "order_id": 9001, "created_at": moment, "transactions": [back]})
    shop.installation.settle()
    count(shop)
    assert revenue(shop) == (1, Decimal("10.00"))
    # Nor is an order that is called off.
    fields = {**by_customer(1, "ann@x.test"), "cancelled_at": moment, "updated": shop.installation.now}
    shop.deliver("orders/cancelled", order(9001, "ann@x.test", START + 2 * HOUR, **fields))
    shop.installation.settle()
    count(shop)
    assert revenue(shop) == (0, Decimal(0))


def revenue(shop: ConnectedShop) -> tuple[int, Decimal]:
    with autocommitted(shop.deps.engine) as connection:
        found = analytics.by_flow(connection, shop.shop)["hello"]
    return found.orders, found.revenue


def test_the_command_tells_the_same(shop: ConnectedShop) -> None:
    told = run(shop, "flows").output
    assert "hello: 4 entered, 0 inside, 25.0% came to the end, 25.0% reached the goal" in told
    assert "1 order, 14.90 EUR, 2.98 for each message, after 2:00:00 on average" in told
    assert "3 people got 1 message in the last week\n1 person got 2 messages in the last week" in told
    found = orjson.loads(run(shop, "flows", "--json").output)
    assert found["flows"]["hello"]["revenue"] == "14.9000" and found["channels"]["email"]["sent"] == 5
    assert {"channel": "email", "messages": 2, "people": 1} in found["messages_a_week"]
    alone = run(shop, "flow", "hello").output
    assert "first (email, version 1): 4 sent, 66.7% opened, 33.3% clicked, 33.3% unsubscribed" in alone
    assert "step wait (version 1): 4 came, 0 are there, 1 went on; left: 2 exit:unsubscribed, 1 goal" in alone
    assert run(shop, "flows", "--since", "2026-12-01").output.startswith("Nobody has been in a flow in this time.")
    assert "counted anew" in run(shop, "rebuild").output
    shop.installation.settle("figures")
    assert orjson.loads(run(shop, "flows", "--json").output)["flows"] == found["flows"]
