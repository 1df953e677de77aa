"""A product title is data: the provider's template language in it arrives as text."""

from __future__ import annotations

import html
import re

from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout

BOB = "bob@example.com"
SEEN = "flow: seen\nname: Seen\ntrigger: {on: checkout_started, key: event.checkout_token}\nsteps: [{email: cart}]\n"
CART = """---
subject: 'About {{ event.items[0].title }}'
purpose: marketing
deadline: 6h
---
<p>You liked {{ event.items[0].title }}.</p>

{% render 'cart_items' %}
"""
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
TITLES = [
    "{{ contact.EMAIL }} mug",
    "{% if %} tee",
    "{# draft #} scarf",
    "{{{ x }}} {{7*7}}",
    "Salt & <b>Pepper</b> <script>alert(1)</script>",
    "[FirstName] tote",
    "مزهرية ☕",
]


def test_titles_arrive_as_they_are_in_body_text_and_subject(product: Installation) -> None:
    shop = product.connect(flows=[])
    shop.publish(SEEN, cart=CART)
    for number, title in enumerate(TITLES):
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}", items=[line(title)])
    product.settle()
    assert len(shop.mails()) == len(TITLES)
    for number, title in enumerate(TITLES):
        (mail,) = shop.mails(f"p{number}@example.com")
        # Marks are kept apart by characters that nobody sees.
        for part in (mail["html"], mail["text"], mail["subject"]):
            assert title in html.unescape(_INVISIBLE.sub("", part)), part
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
