"""Where only a confirmed opt-in counts: one mail that asks, one reminder, and nothing else before the answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.models.person import consent_ledger, consents, double_opt_ins
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import agree, begin_checkout, subscribe

ANN = "ann@example.com"
THANKS = "https://goods.example/thanks"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """A shop in Germany that has set it up."""
    connected = product.connect(flows=["welcome"], country="DE")
    made = connected.account.post("/contacts/lists", {"name": "Confirmed", "folderId": 1}).json()
    connected.set(double_opt_in={"template_id": 3, "list_id": made["id"], "redirection_url": THANKS})
    return connected


def asked(shop: ConnectedShop) -> list[dict[str, Any]]:
    """The confirmation mails at the provider."""
    return shop.account.log("confirmation")


def follow(shop: ConnectedShop, email: str = ANN) -> Any:
    """The person follows the link in the newest mail, through the provider to our page."""
    provider = shop.installation.provider
    assert provider is not None
    onward = provider.control("POST", "confirm", {"account": shop.account.key, "email": email})["redirection_url"]
    return shop.installation.browser().get(urlsplit(onward).path)


def days_pass(product: Installation, days: int) -> None:
    product.at(product.now + days * DAY)
    product.skip(days * DAY.total_seconds() + 1)
    product.settle()


def test_who_confirms_is_welcomed_and_not_before(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    assert [(one["to"], one["template"], one["tracking"]) for one in asked(shop)] == [(ANN, 3, True)]
    assert shop.mails() == []
    product.at(START + HOUR)
    answer = follow(shop)
    assert (answer.status_code, answer.headers["Location"]) == (303, THANKS)
    product.settle()
    assert [name for name, _ in shop.sent()] == ["hello"]
    assert shop.one(consents).level == "confirmed_opt_in"
    line = shop.rows(consent_ledger)[-1]
    assert line.source == "double_opt_in" and set(line.evidence) == {"confirms", "asked_at", "ip_digest"}
    # Following the link again is no second confirmation.
    assert follow(shop).status_code == 303
    days_pass(product, 10)
    assert len(shop.rows(consent_ledger)) == 2 and len(asked(shop)) == 1


def test_one_mail_and_one_reminder_however_often_they_sign_up(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    for _ in range(2):
        product.at(product.now + HOUR)
        agree(shop, ANN)
        begin_checkout(shop, ANN, f"tok-{product.now.hour}")
        product.settle()
    assert len(asked(shop)) == 1
    days_pass(product, 2)
    assert len(asked(shop)) == 1
    days_pass(product, 2)
    assert len(asked(shop)) == 2
    days_pass(product, 30)
    assert len(asked(shop)) == 2 and shop.mails() == []
    assert [row.outcome for row in shop.rows(double_opt_ins)] == ["accepted", "accepted"]


def test_an_old_link_does_not_undo_an_opt_out(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    product.at(START + HOUR)
    shop.deliver("transactional", reported("unsubscribed", ANN, START + HOUR), source="brevo")
    product.settle()
    product.at(START + 2 * HOUR)
    answer = follow(shop)
    assert answer.status_code == 200 and "no longer of use" in answer.get_data(as_text=True)
    product.settle()
    assert shop.one(consents).state == "unsubscribed" and shop.mails() == []
    days_pass(product, 10)
    assert len(asked(shop)) == 1


def test_who_signs_up_again_after_an_opt_out_is_asked_again(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    product.at(START + HOUR)
    agree(shop, ANN, state="unsubscribed")
    product.settle()
    product.at(START + 2 * HOUR)
    agree(shop, ANN)
    product.settle()
    assert len(asked(shop)) == 2


def test_an_outcome_that_nobody_knows_is_not_asked_for_again(product: Installation, shop: ConnectedShop) -> None:
    shop.account.fault("accept_then_cut", path="/contacts/doubleOptinConfirmation", count=1)
    subscribe(shop, ANN)
    product.settle()
    assert [row.outcome for row in shop.rows(double_opt_ins)] == ["unknown"]
    days_pass(product, 1)
    assert len(asked(shop)) == 1


def test_what_was_not_accepted_is_asked_for_again(product: Installation, shop: ConnectedShop) -> None:
    """The control of the test above: an answer that says that nothing was taken."""
    shop.account.fault("status", status=429, path="/contacts/doubleOptinConfirmation", count=1)
    subscribe(shop, ANN)
    product.settle()
    product.skip(3600)
    product.settle()
    assert [row.outcome for row in shop.rows(double_opt_ins)] == ["accepted"] and len(asked(shop)) == 1


def test_without_a_template_nobody_is_asked_and_nobody_is_mailed(product: Installation, shop: ConnectedShop) -> None:
    shop.set(double_opt_in={})
    subscribe(shop, ANN)
    product.play(5 * DAY)
    assert asked(shop) == [] and shop.mails() == []


@pytest.mark.parametrize(("setting", "mails", "questions"), [({}, 1, 0), ({"always": True}, 0, 1)])
def test_elsewhere_a_single_opt_in_is_enough_unless_the_shop_wants_more(
    product: Installation, shop: ConnectedShop, setting: dict[str, Any], mails: int, questions: int
) -> None:
    shop.set(country="US", double_opt_in={**shop.shop.settings["double_opt_in"], **setting})
    subscribe(shop, ANN)
    product.settle()
    assert (len(shop.mails()), len(asked(shop))) == (mails, questions)


def test_the_store_may_know_of_a_confirmation_already(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN, opt_in_level="confirmed_opt_in")
    told = {"state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": product.now.isoformat()}
    shop.deliver(
        "customers_email_marketing_consent/update",
        {"customer_id": 1, "email_address": ANN, "email_marketing_consent": told},
    )
    product.settle()
    assert asked(shop) == [] and [name for name, _ in shop.sent()] == ["hello"]


@pytest.mark.parametrize("token", ["", "x", "WzEsMSwxXQ.AAAA"])
def test_a_forged_link_leads_nowhere(product: Installation, shop: ConnectedShop, token: str) -> None:
    assert product.browser().get(f"/confirmed/{token}").status_code == 404
