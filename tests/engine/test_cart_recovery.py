"""Cart recovery, from what the store sends about a checkout to the provider's log; and everything that stops it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.models.flow import runs, trail
from connector.models.outbox import outbox
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, line
from tests.engine.shoppers import begin_checkout, buy, by_customer, hand_over, leave_by_page, unsubscribe_link
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

BOB = "bob@example.com"
SECOND = timedelta(seconds=1)
CART = {"cart": {"code": "CART10", "percent": 10, "expires_days": 3}}
# Hours after the last change of the checkout.
HOURS = [("reminder", 1.0), ("second-look", 24.0), ("incentive", 48.0), ("last-chance", 72.0)]


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["cart-recovery"])


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    """What the simulated store sends."""
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


def hours(shop: ConnectedShop, to: str = BOB) -> list[tuple[str, float]]:
    return [(name, (at - START) / HOUR) for name, at in shop.sent(to)]


@pytest.mark.row("S1-12")
@pytest.mark.row("S2-05")
@pytest.mark.row("S3-03")
@pytest.mark.row("S5-231")
@pytest.mark.row("S2-16")
@pytest.mark.row("S4-01")
@pytest.mark.row("S5-005", "S5-007", "S5-042")
def test_a_checkout_abandoned_at_the_store_gets_four_messages(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    shop.set(offers=CART)
    product.at(START - HOUR)
    begun = store.act("start_checkout", items=[{"product": 1, "quantity": 2}], email="cart@example.com")
    token = begun["checkout_token"]
    product.at(START)
    store.act("update_checkout", checkout=token, first_name="Carla", accepts_marketing=True)
    hand_over(shop, webhooks.received)
    product.play(5 * DAY)
    sent = hours(shop, "cart@example.com")
    assert [hour for _, hour in sent] == [hour for _, hour in HOURS]
    # The third is one of the two arms of the split.
    assert [name.removesuffix("-urgency") for name, _ in sent] == [name for name, _ in HOURS]
    assert shop.one(runs).outcome == "completed"
    reminder, _, incentive, last = shop.mails("cart@example.com")
    for mail in shop.mails("cart@example.com"):
        assert "Enamel camping mug" in mail["html"] and f"/checkouts/{token}/recover" in mail["html"]
        assert "goods-1.svg" in mail["html"], "the picture of the product"
        assert unsubscribe_link(mail)
    assert "CART10" not in reminder["html"] and "CART10" in incentive["html"]
    assert last["subject"] == "Your cart expires tonight"


def test_without_an_offer_the_third_message_asks_for_questions(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB)
    product.play(5 * DAY)
    assert hours(shop) == [(name if name != "incentive" else "any-questions", hour) for name, hour in HOURS]


def test_the_hour_counts_from_the_last_change(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB)
    for minutes in (20, 50, 100):
        changed = START + timedelta(minutes=minutes)
        product.play_to(changed)
        items = [line(quantity=minutes)]
        shop.deliver("checkouts/update", checkout("tok", BOB, START, changed, items=items))
    product.play(timedelta(minutes=59))
    assert hours(shop) == []
    product.play(timedelta(minutes=2))
    assert hours(shop) == [("reminder", pytest.approx(1 + 100 / 60))]


def test_a_checkout_that_is_worth_nothing_or_of_nobody_is_left_alone(
    product: Installation, shop: ConnectedShop
) -> None:
    begin_checkout(shop, BOB, "empty", items=[])
    begin_checkout(shop, BOB, "free", items=[line(price="0.00")])
    begin_checkout(shop, None, "nobody")
    product.play(5 * DAY)
    assert shop.mails() == [] and shop.rows(runs) == []


@pytest.mark.row("S5-017")
@pytest.mark.row("S1-32")
@pytest.mark.row("S4-12")
@pytest.mark.parametrize("sent", [0, 1, 2, 3])
def test_a_purchase_in_the_second_before_a_message_cancels_it(
    product: Installation, shop: ConnectedShop, sent: int
) -> None:
    """The control is the first test: without the purchase all four leave."""
    begin_checkout(shop, BOB)
    product.play_to(START + HOURS[sent][1] * HOUR - SECOND)
    buy(shop, BOB, token="tok")
    product.play(5 * DAY)
    assert [hour for _, hour in hours(shop)] == [hour for _, hour in HOURS[:sent]]
    if sent:
        assert shop.one(runs).outcome == "goal"


def after_the_first(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB)
    product.play_to(START + 2 * HOUR)
    assert len(shop.mails()) == 1


def test_an_order_of_the_person_without_a_checkout_ends_it(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    buy(shop, BOB)
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "exit:order_placed"


def test_an_order_of_the_checkout_under_another_email_ends_it(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    buy(shop, "office@example.com", token="tok", **by_customer(77, "office@example.com"))
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "goal"


def test_an_order_under_another_email_before_the_first_message_prevents_it(
    product: Installation, shop: ConnectedShop
) -> None:
    begin_checkout(shop, BOB)
    product.play_to(START + HOUR - SECOND)
    buy(shop, "office@example.com", token="tok")
    product.play(5 * DAY)
    assert shop.mails() == []


def test_an_order_of_somebody_else_ends_nothing(product: Installation, shop: ConnectedShop) -> None:
    """The control of the tests above."""
    after_the_first(product, shop)
    buy(shop, "office@example.com", token="another")
    buy(shop, "office@example.com", 9002)
    product.play(5 * DAY)
    assert len(shop.mails(BOB)) == 4


def test_a_test_order_ends_it_but_is_no_success(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    buy(shop, BOB, token="tok", test=True)
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "exit:order_placed"


def test_the_completed_checkout_ends_it_when_the_order_is_not_heard_of(
    product: Installation, shop: ConnectedShop
) -> None:
    after_the_first(product, shop)
    now = product.now
    shop.deliver("checkouts/update", checkout("tok", BOB, START, now, completed_at=now.isoformat()))
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "exit:checkout_completed"


@pytest.mark.row("S5-095")
def test_a_cleared_cart_ends_it(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    shop.deliver("checkouts/update", checkout("tok", BOB, START, product.now, items=[]))
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "exit:cart_cleared"


def test_a_cart_that_was_cleared_and_filled_again_is_recovered(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB)
    product.play_to(START + 0.2 * HOUR)
    shop.deliver("checkouts/update", checkout("tok", BOB, START, product.now, items=[]))
    product.play_to(START + 0.5 * HOUR)
    shop.deliver("checkouts/update", checkout("tok", BOB, START, product.now))
    product.play(2 * HOUR)
    assert hours(shop) == [("reminder", 1.5)]


@pytest.mark.row("S5-096")
def test_an_unsubscribe_ends_it(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    leave_by_page(product, shop.mails()[0])
    product.play(5 * DAY)
    assert len(shop.mails()) == 1
    assert shop.one(runs).outcome == "exit:unsubscribed"


def test_an_order_that_is_applied_after_the_message_was_wanted_stops_it(
    product: Installation, shop: ConnectedShop
) -> None:
    """The run itself has not heard of the order yet: what stops the message is the mark that the order left."""
    begin_checkout(shop, BOB)
    product.settle()
    product.at(START + HOUR)
    product.settle("intake", "fetch", "flows")
    assert [row.state for row in shop.rows(outbox)] == ["due"]
    buy(shop, "office@example.com", token="tok")
    product.settle("intake")
    product.settle("deliver")
    assert shop.mails() == []
    assert shop.reasons() == [("reminder", "skipped", "exit_rule")]
    product.settle()
    assert shop.one(runs).outcome == "goal"


def test_what_was_decided_can_be_read_in_the_trail(product: Installation, shop: ConnectedShop) -> None:
    after_the_first(product, shop)
    buy(shop, BOB, token="tok")
    product.settle()
    codes = [row.code for row in shop.rows(trail)]
    assert codes[0] == "entered" and codes[-1] == "goal_reached"
    assert {"message_wanted", "provider_accepted", "message_accepted", "waiting"} <= set(codes)
