"""A product title is data: the provider's template language in it arrives as text."""

from __future__ import annotations

import html

import pytest

from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout

BOB = "bob@example.com"
TITLES = [
    "{{ contact.EMAIL }} mug",
    "{% if %} tee",
    "{# draft #} scarf",
    "{{{ x }}} {{7*7}}",
    "Salt & <b>Pepper</b> <script>alert(1)</script>",
    "[FirstName] tote",
    "مزهرية ☕",
]


@pytest.mark.parametrize("title", TITLES)
def test_a_title_arrives_as_it_is_in_body_text_and_subject(
    product: Installation, shop: ConnectedShop, title: str
) -> None:
    shop.publish(
        "flow: seen\nname: Seen\ntrigger: {on: checkout_started, key: event.checkout_token}\nsteps: [{email: cart}]\n",
        cart="---\nsubject: 'About {{ event.items[0].title }}'\npurpose: marketing\ndeadline: 6h\n---\n"
        "<p>You liked {{ event.items[0].title }}.</p>\n\n{% render 'cart_items' %}\n",
    )
    begin_checkout(shop, BOB, items=[line(title)])
    product.settle()
    (mail,) = [mail for mail in shop.mails() if mail["tags"][1] == "cart"]
    seen = html.unescape(mail["html"].replace("\u200b", "").replace("\u2060", "").replace("\u200c", ""))
    assert seen.count(title) >= 2
    assert "49" not in mail["subject"] and BOB not in mail["subject"]
    assert "<script>" not in mail["html"]


def test_a_title_that_is_put_in_raw_is_evaluated(shop: ConnectedShop) -> None:
    """The control: the provider does evaluate what it is sent, and refuses what it cannot."""
    account = shop.deps.brevo(shop.shop)
    body = {"sender": {"email": shop.shop.sender_email}, "to": [{"email": BOB}], "subject": "Hello"}
    account.send_email({**body, "htmlContent": f"<p>{TITLES[0]}</p>"})
    (mail,) = shop.mails()
    assert f"{BOB} mug" in mail["html"]
    assert not shop.account.send(BOB, htmlContent=f"<p>{TITLES[1]}</p>").ok


def test_the_reminder_shows_the_title_too(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB, items=[line(TITLES[0])])
    product.play(2 * HOUR)
    reminder = next(mail for mail in shop.mails() if mail["tags"][1] == "reminder")
    assert f"{BOB} mug" not in reminder["html"] and f"{BOB} mug" not in reminder["text"]
    assert "contact.EMAIL" in reminder["html"]
