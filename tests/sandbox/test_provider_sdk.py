"""The provider's own SDK, brevo-python 5.1.0, driven against the simulated provider."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from brevo import Brevo
from brevo.core.api_error import ApiError

from tests.sandbox.provider_process import SENDER, Account, Provider, provider, wait_until

__all__ = ["provider"]


@pytest.fixture
def account(provider: Provider) -> Account:
    return provider.account(settings={"import_seconds": 0.05}, tier="extended")


@pytest.fixture
def brevo(account: Account) -> Iterator[Brevo]:
    with httpx.Client(timeout=5) as http:
        yield Brevo(api_key=account.key, base_url=f"{account.provider.url}/v3", max_retries=0, httpx_client=http)


def test_account_and_senders(brevo: Brevo) -> None:
    assert brevo.account.get_account().plan[0].type == "subscription"
    senders = brevo.senders.get_senders().senders
    assert senders is not None and [sender.email for sender in senders] == [SENDER]


def test_contacts(brevo: Brevo) -> None:
    brevo.contacts.create_attribute("normal", "ORDERS", type="float")
    names = [attribute.name for attribute in brevo.contacts.get_attributes().attributes]
    assert "ORDERS" in names
    made = brevo.contacts.create_contact(email="ann@example.com", ext_id="77", attributes={"ORDERS": 2})
    assert made is not None and made.id == 1
    # 204: an existing contact was updated, the SDK answers None.
    updated = brevo.contacts.create_contact(
        email="ann@example.com", update_enabled=True, attributes={"FIRSTNAME": "Ann"}
    )
    assert updated is None
    brevo.contacts.update_contact("77", identifier_type="ext_id", email_blacklisted=True)
    found = brevo.contacts.get_contact_info(quote("ann@example.com", safe=""))
    assert found.email_blacklisted is True and found.id == 1
    with pytest.raises(ApiError) as clash:
        brevo.contacts.create_contact(email="ann@example.com")
    assert clash.value.status_code == 400
    brevo.contacts.delete_contact("1")
    with pytest.raises(ApiError) as gone:
        brevo.contacts.get_contact_info("1")
    assert gone.value.status_code == 404


def test_import(brevo: Brevo, account: Account) -> None:
    rows = [{"email": f"p{n}@example.com", "attributes": {"FIRSTNAME": "P"}} for n in range(20)]
    started = brevo.contacts.import_contacts(json_body=rows, list_ids=[2])  # type: ignore[arg-type]
    wait_until(lambda: account.log("import"))
    assert brevo.process.get_process(started.process_id).status == "completed"
    assert brevo.contacts.get_contacts(limit=5).count == 20


def test_events(brevo: Brevo, account: Account) -> None:
    brevo.contacts.create_contact(email="ann@example.com")
    properties = {"id": "cart:1", "data": {"total": 12.5, "items": [{"name": "Mug", "gift": True}]}}
    brevo.event.create_event(
        event_name="cart_updated",
        identifiers={"email_id": "ann@example.com"},  # type: ignore[arg-type]
        event_properties=properties,
        event_date="2026-11-02T09:00:00Z",  # type: ignore[arg-type]
    )
    events = [
        {"event_name": "order_completed", "identifiers": {"contact_id": 1}},
        {"event_name": "order_completed", "identifiers": {"email_id": "nobody@example.com"}},
    ]
    assert brevo.event.create_batch_events(events=events).count == 2  # type: ignore[arg-type]
    logged = account.log("event")
    assert logged[0]["properties"] == properties
    assert [entry["unknown_contact"] for entry in logged] == [False, False, True]
    assert brevo.contacts.get_contacts().count == 1


@pytest.mark.parametrize(
    "event",
    [
        {"event_name": "two words", "identifiers": {"email_id": "a@example.com"}},
        {"event_name": "x" * 256, "identifiers": {"email_id": "a@example.com"}},
        {"event_name": "x", "identifiers": {}},
        {"event_name": "x", "identifiers": {"email_id": "a@example.com"}, "event_properties": {"a b": 1}},
        {
            "event_name": "x",
            "identifiers": {"email_id": "a@example.com"},
            "event_properties": {"a": "b" * 51_200},
        },
        {"event_name": "x", "identifiers": {"email_id": "a@example.com"}, "event_date": "yesterday"},
    ],
)
def test_bad_events(account: Account, event: dict[str, object]) -> None:
    assert account.post("/events", event).status_code == 400
    good = {"event_name": "fine", "identifiers": {"email_id": "a@example.com"}}
    batch = account.post("/events/batch", {"events": [good, event]})
    assert batch.status_code == 400
    assert (batch.json()["successful_events"], batch.json()["errors"][0]["eventIndex"]) == (1, [1])
    assert [entry["name"] for entry in account.log("event")] == ["fine"]


def test_email_and_look_up(brevo: Brevo) -> None:
    sent = brevo.transactional_emails.send_transac_email(
        sender={"email": SENDER},  # type: ignore[arg-type]
        to=[{"email": "ann@example.com"}],  # type: ignore[list-item]
        subject="Hello",
        html_content="<p>Hi</p>",
        tags=["outbox-1"],
        headers={"idempotencyKey": "k", "X-Mailin-custom": "outbox-1"},
    )
    found = brevo.transactional_emails.get_transac_emails_list(email="ann@example.com")
    assert found.transactional_emails is not None
    assert [(row.message_id, row.tags) for row in found.transactional_emails] == [(sent.message_id, ["outbox-1"])]
    assert brevo.transactional_emails.get_transac_blocked_contacts().count == 0
    report = brevo.transactional_emails.get_email_event_report(message_id=sent.message_id)
    assert report.events is not None and [row.event for row in report.events] == ["requests"]


def test_commerce(brevo: Brevo, account: Account) -> None:
    order = {
        "id": "1001", "createdAt": "2026-11-02T09:00:00Z", "updatedAt": "2026-11-02T09:00:00Z",
        "status": "paid", "amount": 20.5, "identifiers": {"email_id": "ann@example.com"},
        "products": [{"productId": "1", "price": 20.5, "quantity": 1}],
    }  # fmt: skip
    assert account.post("/orders/status", order).status_code == 403
    brevo.ecommerce.activate_the_e_commerce_app()
    assert account.post("/orders/status", order).status_code == 204
    assert account.post("/orders/status", {**order, "createdAt": "2026-11-02 09:00"}).status_code == 400
    assert account.post("/orders/status", {**order, "currency": "EUR"}).status_code == 400
    batch = brevo.ecommerce.create_batch_order(orders=[{**order, "id": "1002"}])  # type: ignore[list-item]
    assert batch.count == 1
    made = brevo.ecommerce.create_update_product(id="1", name="Mug", price=20.5)
    assert made is not None and made.id == "1"
    assert brevo.ecommerce.create_update_product(id="1", name="Cup", update_enabled=True) is None
    assert account.post("/products", {"id": "1", "name": "Mug"}).status_code == 400
    state = account.state()
    assert {id: row["historical"] for id, row in state["orders"].items()} == {"1001": False, "1002": True}
    assert state["products"]["1"]["name"] == "Cup"


def test_webhooks(brevo: Brevo) -> None:
    made = brevo.webhooks.create_webhook(
        url="https://connector.test/webhooks/brevo",
        type="transactional",
        events=["delivered", "unsubscribed"],
        auth={"type": "bearer", "token": "t"},  # type: ignore[arg-type]
    )
    brevo.webhooks.update_webhook(made.id, events=["delivered"])
    assert [hook.events for hook in brevo.webhooks.get_webhooks(type="transactional").webhooks] == [["delivered"]]
    brevo.webhooks.delete_webhook(made.id)
    assert brevo.webhooks.get_webhooks().webhooks == []


def test_errors_arrive_as_the_sdks_errors(brevo: Brevo, account: Account) -> None:
    account.fault("status", status=429, count=1)
    with pytest.raises(ApiError) as limited:
        brevo.account.get_account()
    assert limited.value.status_code == 429
    assert limited.value.headers is not None and limited.value.headers["x-sib-ratelimit-reset"] == "1"
    account.fault("accept_then_cut", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        brevo.contacts.create_contact(email="ann@example.com")
    assert len(account.state()["contacts"]) == 1
