"""Several flows at once: who writes first, who waits, who is left out. Counted at the provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from connector.models.flow import flows, trail
from connector.models.outbox import outbox
from flows.core.caps import LEAVES_WITHIN
from tests.api.teller import teller_of
from tests.core.gate_oracle import Delivery, over_the_cap
from tests.engine.installation import DAY, START, ConnectedShop, Installation
from tests.engine.shoppers import begin_checkout, buy, by_customer, subscribe

ANN, BOB = "ann@example.com", "bob@example.com"
SECONDS = timedelta(seconds=10)
"""The beginning is so long after nine."""
BODY = "---\nsubject: {0}\npurpose: marketing\ndeadline: 20d\n---\n<p>{0}</p>\n"


def flow(name: str, trigger: str, *entries: str, steps: Sequence[str] = ("email: hello",)) -> str:
    listed = "".join(f"  - {step}\n" for step in steps)
    return f"flow: {name}\nname: {name}\ntrigger: {{on: {trigger}}}\n" + "\n".join([*entries, f"steps:\n{listed}"])


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def publish(
    shop: ConnectedShop, name: str, trigger: str, *entries: str, steps: Sequence[str] = ("email: hello",)
) -> None:
    names = [step.split(": ")[1] for step in steps if step.startswith("email")]
    shop.publish(flow(name, trigger, *entries, steps=steps), **{one: BODY.format(name) for one in names})


def told(shop: ConnectedShop) -> list[tuple[str, timedelta]]:
    """(flow, how long after the beginning) of every mail."""
    return [(mail["subject"], at - START) for mail, (_, at) in zip(shop.mails(), shop.sent(), strict=True)]


@pytest.mark.row("S5-033")
@pytest.mark.row("S5-114")
@pytest.mark.row("S5-162")
def test_the_cart_goes_first_and_what_was_browsed_waits_for_another_day(
    product: Installation, shop: ConnectedShop
) -> None:
    publish(shop, "browse", "custom:browsed", "reentry: always", "priority: 30", "caps: {email: {count: 1, per: day}}")
    publish(shop, "cart", "checkout_started", "priority: 80", "cap: own")
    subscribe(shop, ANN)
    browsing = teller_of(shop)
    browsing.tell("custom", {"email": ANN}, name="browsed")
    product.settle("intake", "fetch", "flows")
    begin_checkout(shop, ANN)
    product.settle("intake", "fetch", "flows")
    product.settle()
    assert told(shop) == [("cart", timedelta(0))]
    product.play_to(START + DAY)
    assert told(shop)[1:] == [("browse", DAY - SECONDS)]
    # Again on that day: once a day is what the flow itself says.
    browsing.tell("custom", {"email": ANN}, name="browsed")
    product.play_to(START + 2 * DAY)
    assert told(shop)[2:] == [("browse", 2 * DAY - SECONDS)]
    assert [row.detail["reason"] for row in shop.rows(trail, code="gate_defer")] == ["rival", "flow_cap"]


@pytest.mark.row("S5-163")
@pytest.mark.row("S5-255")
@pytest.mark.row("S5-256")
def test_after_a_purchase_there_is_no_promotion_for_a_week_and_no_win_back(
    product: Installation, shop: ConnectedShop
) -> None:
    """Bob has bought nothing: the control."""
    publish(shop, "promotion", "newsletter_subscribed")
    publish(shop, "win-back", "newsletter_subscribed", "not_while_in: [post-purchase]", "hold_after_purchase: none",
            steps=["wait: 1d", "email: hello"])  # fmt: skip
    publish(shop, "thanks", "order_placed", "tags: [post-purchase]", "cap: own", steps=["wait: 10d", "email: hello"])
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
    buy(shop, ANN, **by_customer(1, ANN))
    product.play(12 * DAY)
    mails = [(mail["subject"], mail["to"], at - START) for mail, (_, at) in zip(shop.mails(), shop.sent(), strict=True)]
    assert mails == [
        ("promotion", BOB, timedelta(0)),
        ("win-back", BOB, DAY),
        ("promotion", ANN, 7 * DAY),
        ("thanks", ANN, 10 * DAY),
    ]
    assert [row.reason for row in shop.rows(outbox, flow="win-back", state="skipped")] == ["excluded"]


@pytest.mark.row("S5-031")
@pytest.mark.row("S5-034")
def test_five_flows_that_overlap_send_at_most_the_cap(product: Installation, shop: ConnectedShop) -> None:
    """All five begin at once and would like to write on three days: fifteen emails in three days."""
    for name in ("one", "two", "three", "four", "five"):
        publish(shop, name, "newsletter_subscribed", steps=["email: a", "wait: 1d", "email: b", "wait: 1d", "email: c"])
    subscribe(shop, ANN)
    product.play(16 * DAY)
    found = [
        Delivery(mail["subject"], "email", "count", at) for mail, (_, at) in zip(shop.mails(), shop.sent(), strict=True)
    ]
    assert not over_the_cap(found)
    days = Counter(one.at.date() for one in found)
    assert set(days.values()) == {1} and len(found) == 8, "three a week, on days of their own"
    assert {row.reason for row in shop.rows(outbox, state="due")} <= {"shop_cap", "contacted_today", "rival"}


def test_a_step_may_rather_be_left_out_than_wait_for_the_cap(product: Installation, shop: ConnectedShop) -> None:
    """The same flow twice; one of them says so."""
    shop.set(marketing_cap={"count": 1, "days": 7})
    for name, second in (("waits", "email: b"), ("leaves-out", "{email: b, on_cap: drop}")):
        steps = ["email: a", "wait: 1d", second, "email: c"]
        text = flow(name, f"custom:{name.replace('-', '_')}", steps=steps)
        shop.publish(text, **{one: BODY.format(f"{name} {one}") for one in "abc"})
    for number, (email, name) in enumerate(((ANN, "waits"), (BOB, "leaves_out")), start=1):
        subscribe(shop, email, number)
        teller_of(shop).tell("custom", {"email": email}, name=name)
    product.play(8 * DAY)
    assert sorted((mail["subject"], at - START) for mail, (_, at) in zip(shop.mails(), shop.sent(), strict=True)) == [
        ("leaves-out a", timedelta(0)),
        ("leaves-out c", 7 * DAY + LEAVES_WITHIN),
        ("waits a", timedelta(0)),
        ("waits b", 7 * DAY + LEAVES_WITHIN),
    ]
    assert [row.reason for row in shop.rows(outbox, state="skipped")] == ["shop_cap"]


def test_a_shop_may_limit_what_comes_on_all_channels_together(product: Installation, shop: ConnectedShop) -> None:
    shop.set(caps={"all": {"count": 1, "days": 2}})
    publish(shop, "news", "newsletter_subscribed", steps=["email: a", "wait: 1h", "email: b"])
    subscribe(shop, ANN)
    product.play(3 * DAY)
    assert told(shop) == [("news", timedelta(0)), ("news", 2 * DAY + LEAVES_WITHIN)]


def test_nobody_gives_way_to_a_flow_that_sends_nothing(product: Installation, shop: ConnectedShop) -> None:
    """Bob's is the control: the flow is not paused yet."""
    publish(shop, "minor", "newsletter_subscribed", "priority: 10")
    publish(shop, "major", "newsletter_subscribed", "priority: 90")
    subscribe(shop, BOB, 2)
    product.settle()
    assert [mail["subject"] for mail in shop.mails()] == ["major"]
    shop.change(flows, {"status": "paused"}, flow="major")
    subscribe(shop, ANN)
    product.settle()
    assert [mail["subject"] for mail in shop.mails(ANN)] == ["minor"]
