"""Opting out by our page: nothing more is sent, the provider knows, and it works the other way round too."""

from __future__ import annotations

import pytest

from connector.models.person import consents
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import agree, begin_checkout, leave_by_page, subscribe

ANN, BOB = "ann@example.com", "bob@example.com"


def blacklisted(shop: ConnectedShop) -> dict[str, bool]:
    return {email: contact["emailBlacklisted"] for email, contact in shop.contacts().items()}


def test_the_page_ends_every_flow_and_blacklists_the_contact(product: Installation, shop: ConnectedShop) -> None:
    """Ann is in both flows; Bob, who stays, is the control."""
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
        begin_checkout(shop, email, f"tok-{number}")
    product.play_to(START + 2 * HOUR)
    before = shop.sent(ANN)
    assert [name for name, _ in before] == ["hello", "reminder"] and not blacklisted(shop)[ANN]
    leave_by_page(product, shop.mails(ANN)[1])
    product.play(10 * DAY)
    assert shop.sent(ANN) == before
    assert len(shop.sent(BOB)) == 9
    assert blacklisted(shop) == {ANN: True, BOB: False}


def test_taking_it_back_subscribes_again_here_and_there(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    (mail,) = shop.mails()
    leave_by_page(product, mail)
    product.settle()
    assert blacklisted(shop) == {ANN: True}
    product.at(START + HOUR)
    leave_by_page(product, mail, again=True)
    product.settle()
    assert shop.one(consents).state == "subscribed"
    assert blacklisted(shop) == {ANN: False}
    begin_checkout(shop, ANN)
    product.play(2 * HOUR)
    assert [name for name, _ in shop.sent()] == ["hello", "reminder"]


@pytest.mark.parametrize("event", ["unsubscribed", "hard_bounce", "spam"])
def test_what_the_provider_reports_ends_the_flow(product: Installation, shop: ConnectedShop, event: str) -> None:
    subscribe(shop, ANN)
    product.settle()
    (mail,) = shop.mails()
    about = {"message-id": mail["message_id"], "X-Mailin-custom": mail["custom"]}
    shop.deliver("transactional", reported(event, ANN, START + HOUR, **about), source="brevo")
    product.play(10 * DAY)
    assert len(shop.mails()) == 1
    assert blacklisted(shop) == {ANN: True}


def test_an_address_that_bounced_is_not_written_to_after_a_new_yes(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    shop.deliver("transactional", reported("hard_bounce", ANN, START), source="brevo")
    product.settle()
    product.at(START + DAY)
    agree(shop, ANN)
    begin_checkout(shop, ANN)
    product.play(5 * DAY)
    assert shop.one(consents).state == "subscribed"
    assert [name for name, _ in shop.sent()] == ["hello"]
    assert ("reminder", "skipped", "suppressed") in shop.reasons()
