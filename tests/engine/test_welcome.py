"""The welcome flow, from the store's word that somebody subscribed to the provider's log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.models.flow import runs, trail
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import agree, buy, by_customer, leave_by_page, subscribe, unsubscribe_link

ANN = "ann@example.com"
SECOND = timedelta(seconds=1)
OFFER = {"welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9}}
DAYS = [("hello", 0), ("story", 2), ("favourites", 4), ("guide", 6), ("last-call", 8)]


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome"], offers=OFFER)


def days(shop: ConnectedShop, to: str = ANN) -> list[tuple[str, float]]:
    return [(name, (at - START) / DAY) for name, at in shop.sent(to)]


@pytest.mark.row("S3-06")
@pytest.mark.row("S4-14")
@pytest.mark.row("S1-22")
@pytest.mark.row("S1-23")
@pytest.mark.row("S3-22")
@pytest.mark.row("S1-10", "S1-19", "S4-05", "S5-001", "S5-006", "S5-039", "S5-225", "S5-241")
@pytest.mark.row("S5-011")
def test_a_subscriber_gets_five_messages_on_days_0_2_4_6_and_8(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN, first_name="Ann")
    product.play_to(START + 30 * DAY)
    assert days(shop) == DAYS
    assert shop.one(runs).outcome == "completed"
    first, *_, last = shop.mails(ANN)
    assert first["subject"] == "Welcome to A - here's 15% off your first order"
    assert "Welcome, Ann!" in first["html"] and "HELLO15" in first["html"]
    assert last["subject"] == "Your 15% discount expires tomorrow"
    assert all(unsubscribe_link(mail) and mail["text"] for mail in shop.mails(ANN))
    # Then they are on the list that newsletters go to.
    listed = {row.code: row.detail for row in shop.rows(trail)}
    assert listed["listed"]["add"] == "Newsletter", listed


def test_somebody_who_did_not_agree_or_has_bought_gets_nothing(product: Installation, shop: ConnectedShop) -> None:
    """The control: it is the consent of a newcomer that starts the flow."""
    shop.deliver("customers/create", customer(1, "silent@example.com", START))
    agree(shop, "pending@example.com", 2, state="pending")
    buy(shop, "bought@example.com", **by_customer(3, "bought@example.com"))
    product.settle()
    agree(shop, "bought@example.com", 3)
    product.play(10 * DAY)
    assert shop.mails() == []
    assert [row.code for row in shop.rows(trail)] == ["outside_audience"]


@pytest.mark.parametrize("sent", [1, 4])
def test_a_purchase_right_before_a_message_ends_the_flow(product: Installation, shop: ConnectedShop, sent: int) -> None:
    subscribe(shop, ANN)
    product.play_to(START + DAYS[sent][1] * DAY - SECOND)
    buy(shop, ANN, **by_customer(1, ANN))
    product.play(30 * DAY)
    assert days(shop) == DAYS[:sent]
    assert shop.one(runs).outcome == "goal"


@pytest.mark.row("S5-018")
@pytest.mark.row("S1-33")
def test_an_unsubscribe_ends_the_flow_and_coming_back_does_not_begin_it_again(
    product: Installation, shop: ConnectedShop
) -> None:
    subscribe(shop, ANN)
    product.play_to(START + 2 * DAY + HOUR)
    leave_by_page(product, shop.mails(ANN)[0])
    product.play(HOUR)
    assert shop.one(runs).outcome == "exit:unsubscribed"
    leave_by_page(product, shop.mails(ANN)[0], again=True)
    product.play(30 * DAY)
    assert days(shop) == DAYS[:2]
    assert len(shop.rows(runs)) == 1
    assert "entered_before" in [row.code for row in shop.rows(trail)]


def test_the_same_word_of_consent_twice_starts_one_flow(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    agree(shop, ANN)
    product.play(10 * DAY)
    agree(shop, ANN)
    product.play(10 * DAY)
    assert days(shop) == DAYS
