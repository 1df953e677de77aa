"""The preference page from end to end: from the link in a mail to what Brevo and the store hold, counted at both."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient

from connector.models.person import consent_ledger, consents
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import agree, begin_checkout, subscribe, unsubscribe_link
from tests.engine.test_double_opt_in import asked, follow
from tests.engine.test_opt_out import blacklisted
from tests.sandbox.store_process import SHOP, StoreProcess
from tests.web.test_preferences import choices, form

ANN, BOB = "ann@example.com", "bob@example.com"


def preferences_link(browser: FlaskClient, mail: dict[str, Any]) -> str:
    """The path behind the link of the page to which the link in the mail leads."""
    path = unsubscribe_link(mail)
    page = browser.get(path).get_data(as_text=True)
    found = re.search(r'<a href="([^"]*/p/[^"]+)">', page)
    assert found, "the unsubscribe page has no link to the preference page"
    return urlsplit(urljoin(f"https://shop.example{path}", html.unescape(found[1]))).path


def choose(product: Installation, link: str, **changes: bool) -> str:
    browser = product.browser()
    answer = browser.post(link, data=form(browser.get(link).get_data(as_text=True), **changes))
    assert answer.status_code == 200
    product.settle()
    return answer.get_data(as_text=True)


def test_who_wants_no_reminders_gets_the_news_and_nothing_about_the_cart(
    product: Installation, shop: ConnectedShop
) -> None:
    """Ann switches reminders off; Bob, who does not, is the control."""
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
    product.settle()
    link = preferences_link(product.browser(), shop.mails(ANN)[0])
    choose(product, link, email_cart=False)
    for number, email in enumerate((ANN, BOB), start=1):
        begin_checkout(shop, email, f"tok-{number}")
    product.play(10 * DAY)
    names = {email: {name for name, _ in shop.sent(email)} for email in (ANN, BOB)}
    assert "reminder" in names[BOB] and "reminder" not in names[ANN] and "story" in names[ANN]
    assert blacklisted(shop) == {ANN: False, BOB: False}


def test_leaving_everything_is_heard_by_brevo_and_by_the_store(
    product: Installation, shop: ConnectedShop, store: StoreProcess
) -> None:
    email = "leaving@example.com"
    customer = store.act("create_customer", shop=SHOP, email=email, accepts_marketing=True)["customer_id"]
    subscribe(shop, email, customer)
    product.settle()
    (mail,) = shop.mails()
    link = preferences_link(product.browser(), mail)
    # Opening all of it, as a mail scanner does, says nothing.
    assert blacklisted(shop) == {email: False}
    product.at(START + HOUR)
    assert product.browser().post(link, data={"everything": "1"}).status_code == 200
    product.play(10 * DAY)
    assert blacklisted(shop) == {email: True}
    (held,) = [one for one in store.get("state")["shops"][SHOP]["customers"] if one["email"] == email]
    assert held["consent"] == "unsubscribed"
    assert len(shop.mails()) == 1
    lines = [row for row in shop.rows(consent_ledger) if row.source == "preference_page"]
    assert len(lines) == 4 and {row.evidence["text"] for row in lines} == {"Unsubscribe from everything"}
    assert {row.evidence["outbox_id"] for row in lines} != {None}


def test_a_yes_that_has_to_be_confirmed_is_asked_for_and_counts_for_the_cart_too(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.set(country="DE")
    list_id = shop.account.post("/contacts/lists", {"name": "Confirmed", "folderId": 1}).json()["id"]
    shop.set(double_opt_in={"template_id": 3, "list_id": list_id})
    subscribe(shop, ANN, opt_in_level="confirmed_opt_in")
    told = {"state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": product.now.isoformat()}
    shop.deliver(
        "customers_email_marketing_consent/update",
        {"customer_id": 1, "email_address": ANN, "email_marketing_consent": told},
    )
    product.settle()
    link = preferences_link(product.browser(), shop.mails(ANN)[0])
    choose(product, link, email_cart=False)
    choose(product, link, email_newsletter=False)
    assert blacklisted(shop) == {ANN: True} and asked(shop) == []
    product.at(START + DAY)
    page = choose(product, link, email_newsletter=True)
    assert "It counts once you have confirmed it" in choices(page)["email.newsletter"][2]
    assert len(asked(shop)) == 1
    begin_checkout(shop, ANN)
    product.play(2 * HOUR)
    choose(product, link, email_cart=True)
    assert [name for name, _ in shop.sent(ANN)] == ["hello"], "nothing before it is confirmed"
    assert follow(shop).status_code == 200
    product.settle()
    levels = {row.purpose: row.level for row in shop.rows(consents) if row.channel == "email"}
    assert levels == {"newsletter": "confirmed_opt_in", "cart": "confirmed_opt_in"}
    # The flow takes nobody in twice within a day.
    product.play(2 * DAY)
    begin_checkout(shop, ANN, "tok-2")
    product.play(2 * HOUR)
    assert "reminder" in [name for name, _ in shop.sent(ANN)]


@pytest.mark.parametrize("page", ["/u/", "/p/"])
def test_links_of_before_an_opt_out_still_lead_to_the_page(
    product: Installation, shop: ConnectedShop, page: str
) -> None:
    subscribe(shop, ANN)
    product.settle()
    link = preferences_link(product.browser(), shop.mails(ANN)[0]).replace("/p/", page)
    product.at(START + 3000 * DAY)
    agree(shop, ANN, state="unsubscribed")
    product.settle("intake")
    assert product.browser().get(link).status_code == 200
