"""People with a number, flows that send texts, and what arrived of these at the simulated provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import JSON
from tests.engine.shoppers import subscribe

NUMBER = "+33612345678"
SENDER = {"sms": {"sender": "Goods"}}

FLOW = """
flow: quick
name: Quick
trigger: {on: newsletter_subscribed}
cap: exempt
steps:
  - {sms: hurry}
  - {email: story}
"""
HURRY = """---
channel: sms
purpose: marketing
---
Hi {{ person.first_name | default: "there" }}, come and see: {{ shop.url }}/sale?from=text&to=everybody-who-is-here
"""
STORY = """---
subject: Our story
preview: It is short
purpose: marketing
---
<p>Once upon a time <a href="https://goods.example/story">there was</a></p>
"""


def texting_shop(product: Installation, definition: str = FLOW, hurry: str = HURRY, **settings: Any) -> ConnectedShop:
    connected = product.connect(flows=[], **{**SENDER, "url": "https://goods.example", **settings})
    messages = {"story": STORY} if "{email: story}" in definition else {}
    connected.publish(definition, hurry=hurry, **messages)
    return connected


def sign_up(
    shop: ConnectedShop,
    email: str,
    number: str | None = NUMBER,
    customer_id: int = 1,
    *,
    texts: str | None = "subscribed",
    first_name: str = "Ann",
) -> None:
    """Somebody with this number agrees to emails, and says this of texts."""
    if texts is not None:
        agree_to_texts(shop, number, customer_id, texts)
    subscribe(shop, email, customer_id, phone=number, first_name=first_name)


def agree_to_texts(
    shop: ConnectedShop, number: str | None, customer_id: int = 1, state: str = "subscribed", at: datetime | None = None
) -> None:
    told = {
        "state": state,
        "opt_in_level": "single_opt_in",
        "consent_updated_at": (at or shop.installation.now).isoformat(),
    }
    body = {"id": customer_id, "phone": number, "sms_marketing_consent": told}
    shop.deliver("customers_marketing_consent/update", body)


def texts(shop: ConnectedShop) -> list[JSON]:
    """What the provider accepted, in its order."""
    return shop.account.log("sms")


def answer(shop: ConnectedShop, said: str, number: str = NUMBER, message_id: int = 4711) -> None:
    """Somebody replies to a text, now, as Brevo reports it."""
    body = {
        "id": 1, "to": number.removeprefix("+"), "sms_count": 1, "messageId": message_id, "msg_status": "replied",
        "date": shop.installation.now.strftime("%Y-%m-%d %H:%M:%S"), "type": "marketing", "reply": said,
    }  # fmt: skip
    shop.deliver("sms", body, source="brevo")
