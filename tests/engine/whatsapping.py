"""People who agreed to WhatsApp messages, flows that send them, and what arrived at the simulated provider."""

from __future__ import annotations

from typing import Any

from flows.channels import whatsapp_templates
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import JSON
from tests.engine.shoppers import subscribe

OURS, NUMBER = "33700000000", "+33612345678"
TEMPLATES = [
    {"name": "sale", "body": "Sale at {{name}}", "category": "MARKETING"},
    {"name": "parcel", "body": "Hi {{name}}, it is on its way", "category": "UTILITY"},
    {"name": "draft", "body": "x", "category": "MARKETING", "status": "rejected"},
    {"name": "hello", "body": "Hello", "language": "en", "category": "MARKETING"},
    {"name": "hello", "body": "Bonjour", "language": "fr", "category": "MARKETING"},
]
FLOW = """
flow: quick
name: Quick
trigger: {on: newsletter_subscribed}
cap: exempt
steps:
  - {whatsapp: ping}
"""


def message(template: Any, body: str = "Sale", purpose: str = "marketing", **params: str) -> str:
    """The file of a message; without a template it is plain text."""
    lines = [f"template: {template}"] if template is not None else []
    lines += ["params:", *(f"  {name}: '{text}'" for name, text in params.items())] if params else []
    return "\n".join(["---", "channel: whatsapp", f"purpose: {purpose}", "deadline: 2d", *lines, "---", body, ""])


SALE = message("sale", "Sale at {{ params.name }}", name="{{ shop.name }}")
TO_EACH = message("sale", "Sale at {{ params.name }}", name='{{ person.first_name | default: "home" }}')


def account(**fields: Any) -> dict[str, Any]:
    return {"whatsapp_number": OURS, "whatsapp_templates": TEMPLATES, **fields}


def whatsapp_shop(product: Installation, ping: str = SALE, definition: str = FLOW, **settings: Any) -> ConnectedShop:
    brevo = settings.pop("brevo", account())
    connected = product.connect(flows=[], brevo=brevo, **{"whatsapp": {"sender": OURS}, **settings})
    whatsapp_templates.read_now(connected.deps, connected.shop)
    connected.publish(definition, ping=ping)
    return connected


def sign_up(
    shop: ConnectedShop, n: int = 1, number: str | None = None, *, says: str = "subscribed", **fields: Any
) -> str:
    """The n-th somebody agrees to emails, and says this of WhatsApp; answers their number."""
    number = number or f"+336123456{n:02}"
    told = {"state": says, "opt_in_level": "single_opt_in", "updated_at": shop.installation.now.isoformat()}
    body = {"customer_id": n, "phone_number": number, "whats_app_marketing_consent": told}
    shop.deliver("customers_whats_app_marketing_consent/update", body)
    subscribe(shop, f"p{n}@example.com", n, phone=number, **fields)
    return number


def arrived(shop: ConnectedShop) -> list[JSON]:
    """What the provider accepted, one for each number."""
    return shop.account.log("whatsapp")


def calls(shop: ConnectedShop) -> dict[str, list[str]]:
    """{message id: the numbers of that call}"""
    found: dict[str, list[str]] = {}
    for one in arrived(shop):
        found.setdefault(one["message_id"], []).append(one["to"])
    return found


def report(shop: ConnectedShop, event: str, number: str = NUMBER, message_id: str = "other", **more: Any) -> None:
    """Brevo tells of this number, now; the fields are those of its statistics."""
    told = {"contactNumber": number.removeprefix("+"), "senderNumber": OURS, "messageId": message_id}
    at = shop.installation.now.strftime("%Y-%m-%d %H:%M:%S")
    shop.deliver(
        "whatsapp",
        {**told, "event": event, "date": at, "ts": int(shop.installation.now.timestamp()), **more},
        source="brevo",
    )
