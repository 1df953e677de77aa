"""What we send against Brevo's own description of its requests (the contract is outside of the project)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sync.mapping.contact import attributes, body
from tests.adapters.accounts import Scripted, account_for
from tests.adapters.brevo_contract import described, problems
from webhooks.addresses import BREVO_EVENTS

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PERSON: dict[str, Any] = {
    "email": "a@x.test", "phone": "+4915112345678", "first_name": "A", "last_name": "B", "locale": "de",
    "country": "DE", "city": "Bonn", "timezone": "Europe/Berlin", "customer_id": 7, "tags": ["vip"],
    "orders_count": 3, "total_spent": Decimal("9.5"), "first_order_at": NOW, "last_order_at": NOW,
}  # fmt: skip
CONSENTS = {channel: {"state": "subscribed", "evidence_at": NOW} for channel in ("email", "sms")}

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return described()


CONTACT = body(PERSON, CONSENTS, attributes({}))
EVENT = {
    "event_name": "checkout_started",
    "identifiers": {"email_id": "a@x.test", "ext_id": "7"},
    "event_date": NOW.isoformat(),
    "event_properties": {"event_id": "1", "total": 9.5, "items": [{"title": "Mug", "price": 9.5}]},
}
WEBHOOK = {
    "url": "https://c.test/webhooks/brevo/1",
    "description": "d",
    "events": list(BREVO_EVENTS),
    "auth": {"type": "bearer", "token": "t"},
}

TEXT = {
    "sender": "Goods", "recipient": "4915112345678", "content": "Sale [STOP_CODE]", "type": "marketing",
    "tag": ["key", "flow", "message"], "unicodeEnabled": False, "organisationPrefix": "Goods",
}  # fmt: skip
OF_WHATSAPP = {"senderNumber": "33700000000", "contactNumbers": ["33612345678"]}
WHATSAPP = {**OF_WHATSAPP, "templateId": 7, "params": {"NAME": "Ann"}}


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("post", "/contacts", CONTACT),
        ("post", "/events", EVENT),
        ("post", "/webhooks", {**WEBHOOK, "type": "transactional", "channel": "email"}),
        ("put", "/webhooks/{webhook_id}", WEBHOOK),
        ("post", "/contacts/attributes/{attribute_category}/{attribute_name}", {"type": "float"}),
        ("post", "/transactionalSMS/send", TEXT),
        ("post", "/whatsapp/sendMessage", WHATSAPP),
        ("post", "/whatsapp/sendMessage", {**OF_WHATSAPP, "text": "Hi"}),
        ("post", "/couponCollections", {"name": "A", "defaultCoupon": "B", "expirationDate": NOW.isoformat()}),
        ("post", "/coupons", {"collectionId": "7d5b0e9a-2a4e-4f3e-9d43-6a2f0c0b1a11", "coupons": ["A"]}),
    ],
)
def test_our_bodies_fit(contract: dict[str, Any], method: str, path: str, sent: dict[str, Any]) -> None:
    assert problems(contract, method, path, sent) == []
    # The control: a misspelt field is found.
    assert problems(contract, method, path, {**sent, "event_nam": "x"}) == ["unknown: event_nam"]


def test_every_call_of_the_client_is_in_the_contract(contract: dict[str, Any]) -> None:
    brevo = Scripted([httpx.Response(200, json={"messageId": "<1@x>", "id": 1})])
    account = account_for(brevo)
    account.account(), account.senders(), account.attributes(), account.webhooks()
    account.create_attribute("normal", "X", "text")
    account.upsert_contact(CONTACT)
    account.update_contact("7", {"attributes": {}}, "ext_id")
    account.get_contact("7", "ext_id")
    account.create_event(EVENT)
    account.coupon_collections(), account.create_coupon_collection("A", "B", NOW), account.add_coupons("c", ["A"])
    account.send_email({"subject": "s"})
    account.emails("a@x.test", "2026-11-01", "2026-11-02")
    account.send_sms({"sender": "Goods", "recipient": "4915112345678", "content": "s"})
    account.sms_events("4915112345678", "key", NOW.date(), NOW.date())
    account.send_whatsapp(WHATSAPP), account.whatsapp_templates(), account.whatsapp_config()
    account.activate_ecommerce()
    account.put_order({"id": "1"})
    account.put_history([{"id": "1"}])
    account.get_product("1")
    account.put_product({"id": "1", "name": "Mug"})
    account.put_products([{"id": "1", "name": "Mug"}])
    account.put_categories([{"id": "1"}])
    account.ask_for_alert("1", {"email": "a@x.test"})
    account.create_webhook(WEBHOOK)
    account.update_webhook(1, WEBHOOK)
    for request in brevo.requests:
        assert _described(contract, request), f"{request.method} {request.url.path}"
    assert not _described(contract, httpx.Request("POST", "http://brevo.test/v3/senderz"))


def _described(contract: dict[str, Any], request: httpx.Request) -> bool:
    """Whether the contract has this method and path, and every query parameter of it."""
    parts = request.url.path.removeprefix("/v3/").split("/")
    for path, methods in contract["paths"].items():
        wanted = path.strip("/").split("/")
        fits = len(wanted) == len(parts) and all(
            w.startswith("{") or w == p for w, p in zip(wanted, parts, strict=True)
        )
        if fits and request.method.lower() in methods:
            names = {one["name"] for one in methods[request.method.lower()].get("parameters", [])}
            return set(request.url.params) <= names
    return False
