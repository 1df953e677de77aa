"""What is reported beside the life of one message: campaigns, batches, lost reports, servers that do not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.provider_process import START, Account, Provider, Receiver, provider, receiver, wait_until

__all__ = ["provider", "receiver"]

MARKETING = ["delivered", "opened", "click", "hardBounce", "softBounce", "spam", "unsubscribed", "contactUpdated"]
DAY, WINDOW = 86400, 300


@pytest.fixture
def account(provider: Provider) -> Iterator[Account]:
    yield provider.account(tier="extended")
    provider.set_time(START)


def register(account: Account, url: str, **fields: Any) -> int:
    body = {"url": url, "type": "transactional", "events": ["request", "delivered", "blocked", "unsubscribed"]}
    made = account.post("/webhooks", {**body, **fields})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def idle(provider: Provider) -> bool:
    return provider.control("GET", "idle") == {"pending_deliveries": 0}


def campaign(provider: Provider, account: Account, **fields: Any) -> dict[str, Any]:
    html = '<a href="https://shop.test/sale">x</a>'
    described = {"account": account.key, "name": "Sale", "subject": "s", "html": html, "lists": [2], **fields}
    return provider.control("POST", "campaign", described)


def test_a_campaign_honours_the_blocklist(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url, type="marketing", events=MARKETING)
    for name, more in (("ann", {}), ("bob", {"emailBlacklisted": True}), ("bounce", {}), ("complain", {})):
        account.post("/contacts", {"email": f"{name}@example.com", "listIds": [2], **more})
    account.post("/contacts", {"email": "other@example.com"})
    account.post("/contacts", {"ext_id": "5", "listIds": [2]})
    told = campaign(provider, account)
    assert (told["sent"], told["left_out"]) == (3, {"no_email": 1, "blocklisted": 1, "blocked": 0})
    provider.advance_to(START + DAY)
    seen = sorted((body["email"].partition("@")[0], body["event"]) for body in receiver.bodies())
    assert seen == [
        ("ann", "delivered"), ("bounce", "hard_bounced"), ("complain", "delivered"), ("complain", "spam"),
    ]  # fmt: skip
    body = receiver.bodies()[0]
    assert (body["camp_id"], body["campaign name"]) == (told["campaign_id"], "Sale")
    # Who bounced or complained is not written to again.
    assert campaign(provider, account)["sent"] == 1
    assert account.get("/contacts/complain@example.com")["emailBlacklisted"] is True
    # Marketing's blocklist is not what transactional messages ask.
    register(account, receiver.url, events=["request", "delivered", "blocked"])
    account.send("bob@example.com")
    provider.advance_to(START + 2 * DAY)
    assert [entry["event"] for entry in account.log("recipient") if entry["email"] == "bob@example.com"] == [
        "request", "delivered",
    ]  # fmt: skip


def test_readers_of_a_campaign_click_and_leave(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url, type="marketing", events=MARKETING)
    account.settings(opens=1, clicks=1)
    account.post("/contacts", {"email": "ann@example.com", "listIds": [2]})
    campaign(provider, account)
    provider.advance_to(START + DAY)
    assert receiver.events() == ["delivered", "opened", "click"]
    assert receiver.bodies()[2]["URL"] == "https://shop.test/sale"
    account.settings(list_unsubscribes=1)
    campaign(provider, account)
    provider.advance_to(START + 2 * DAY)
    assert receiver.events()[3:] == ["delivered", "opened", "unsubscribe"]
    assert receiver.bodies()[5]["list_id"] == [2]
    assert account.get("/contacts/ann@example.com")["emailBlacklisted"] is True


def test_the_providers_own_unsubscribe_page(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url)
    account.send(htmlContent='<a href="{{ unsubscribe }}">leave</a>')
    link = account.log("email")[0]["html"].split('"')[1]
    assert "Unsubscribe?" in requests.get(link, timeout=5).text
    assert account.get("/smtp/blockedContacts")["count"] == 0
    assert requests.post(link, timeout=5).status_code == 200
    (row,) = account.get("/smtp/blockedContacts")["contacts"]
    assert (row["senderEmail"], row["reason"]["code"]) == ("shop@example.com", "unsubscribedViaEmail")
    wait_until(lambda: "unsubscribed" in receiver.events())
    assert receiver.bodies()[-1]["is_returnpath"] is False
    # Marketing stays as it was, and the next message is blocked.
    account.send()
    wait_until(lambda: "blocked" in receiver.events())
    assert receiver.bodies()[-1]["reason"] == "blocked : due to unsubscribed user"
    # The same by itself, as a share.
    leaver = provider.account(settings={"opens": 1, "own_unsubscribes": 1})
    leaver.send(htmlContent='<a href="{{ unsubscribe }}">leave</a>')
    provider.advance_to(START + DAY)
    assert [entry["event"] for entry in leaver.log("recipient")][-1] == "unsubscribed"


def test_batches_wait_for_their_window(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url, batched=True)
    for number in range(3):
        account.send(f"p{number}@example.com")
    provider.advance_to(START + 61)
    assert receiver.got == []
    end = (START // WINDOW + 1) * WINDOW
    provider.advance_to(end - 1)
    assert receiver.got == []
    provider.advance_to(end)
    (batch,) = receiver.bodies()
    assert sorted(body["event"] for body in batch) == ["delivered"] * 3 + ["request"] * 3
    (entry,) = account.log("webhook")
    assert entry["event"] == "batch" and len(entry["batch"]) == 6 and entry["outcome"] == "ok"


def test_a_full_batch_leaves_at_once(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url, batched=True, events=["request"])
    people = [{"to": [{"email": f"p{number}@example.com"}]} for number in range(501)]
    answer = account.post(
        "/smtp/email",
        {"sender": {"email": "shop@example.com"}, "subject": "s", "textContent": "t", "messageVersions": people},
    )
    assert answer.status_code == 201
    wait_until(lambda: receiver.got)
    assert [len(batch) for batch in receiver.bodies()] == [500]
    provider.advance_to(START + WINDOW)
    assert [len(batch) for batch in receiver.bodies()] == [500, 1]


def test_a_share_of_the_reports_is_lost(account: Account, provider: Provider, receiver: Receiver) -> None:
    account.settings(lost_webhooks=0.4)
    register(account, receiver.url, events=["request"])
    for number in range(50):
        account.send(f"p{number}@example.com")
    wait_until(lambda: idle(provider))
    lost = [entry for entry in account.log("webhook") if entry["outcome"] == "lost"]
    assert 8 <= len(lost) <= 32 and len(receiver.got) == 50 - len(lost)
    # The statistics know them all.
    rows = account.get("/smtp/statistics/events", event="requests")["events"]
    assert len(rows) == 50 and {entry["email"] for entry in lost} <= {row["email"] for row in rows}


def test_a_server_that_does_not_answer_is_left_alone(account: Account, provider: Provider, receiver: Receiver) -> None:
    account.settings(webhook_pause_seconds=0.6, webhook_retry_seconds=[0.1])
    register(account, receiver.url, events=["request"])
    receiver.answers = [None]
    account.send("first@example.com")
    wait_until(lambda: account.log("webhook"))
    account.send("second@example.com")
    wait_until(lambda: idle(provider))
    tries = account.log("webhook")
    assert [entry["outcome"] for entry in tries] == ["retry", "ok", "ok"]
    # The other message waited too, and that was no attempt of its.
    assert all(entry["started_at"] >= tries[0]["answered_at"] + 0.55 for entry in tries[1:])
    second = [entry for entry in tries if entry["email"] == "second@example.com"]
    assert [entry["attempt"] for entry in second] == [1]
    # An answer, whatever it says, is no silence.
    receiver.answers = [500]
    account.send("third@example.com")
    wait_until(lambda: len(account.log("webhook")) == 4)
    account.send("fourth@example.com")
    wait_until(lambda: len(account.log("webhook")) == 5)
    third, fourth = account.log("webhook")[3:]
    assert third["outcome"] == "discarded" and fourth["started_at"] - third["answered_at"] < 0.5
