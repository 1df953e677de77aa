from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sandbox.provider_process import (
    START,
    Account,
    Provider,
    Receiver,
    account,
    provider,
    receiver,
    running_provider,
    wait_until,
)

__all__ = ["account", "provider", "receiver"]

EVENTS = [
    "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred", "click",
    "opened", "uniqueOpened", "unsubscribed",
]  # fmt: skip
GRID = 600


def register(account: Account, url: str, **fields: Any) -> int:
    made = account.post("/webhooks", {"url": url, "type": "transactional", "events": EVENTS, **fields})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def idle(provider: Provider) -> bool:
    return provider.control("GET", "idle") == {"pending_deliveries": 0}


def test_a_message_is_requested_and_delivered(account: Account, provider: Provider, receiver: Receiver) -> None:
    secret = {"auth": {"type": "bearer", "token": "s3"}, "headers": [{"key": "X-Shop", "value": "one"}]}
    hook = register(account, receiver.url + "/in", **secret)
    sent = account.send(tags=["welcome", "k"], headers={"X-Mailin-custom": "m-1"}).json()["messageId"]
    wait_until(lambda: receiver.events() == ["request"])
    due = provider.control("GET", "next")["at"]
    assert START <= due <= START + 60
    try:
        assert provider.advance_to(due - 0.01) == 0
        assert provider.advance_to(due) == 1
    finally:
        provider.set_time(START)
    assert receiver.events() == ["request", "delivered"]
    request = receiver.bodies()[0]
    assert request == {
        "id": hook, "email": "ann@example.com", "message-id": sent, "date": "2026-11-02 10:00:10",
        "event": "request", "ts_event": int(START), "ts": int(START), "ts_epoch": int(START * 1000),
        "tags": ["welcome", "k"], "tag": '["welcome","k"]', "subject": "Hello", "sending_ip": "127.0.0.1",
        "reason": "sent", "X-Mailin-custom": "m-1",
    }  # fmt: skip
    headers = receiver.got[0]["headers"]
    assert headers["Authorization"] == "Bearer s3" and headers["X-Shop"] == "one"
    assert receiver.got[0]["path"] == "/in"
    # The statistics tell the same story as the webhooks.
    rows = account.get("/smtp/statistics/events", messageId=sent, sort="asc")["events"]
    assert [row["event"] for row in rows] == ["requests", "delivered"]


def test_readers_open_click_and_leave_on_the_grid(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(settings={"opens": 1, "clicks": 1, "reopens": 1})
    leaver = provider.account(settings={"opens": 1, "unsubscribes": 1})
    html = f'<a href="https://shop.test/cart?a=1&amp;b=2">x</a> <a href="{receiver.url}/u/token-1">bye</a>'
    for sender in (account, leaver):
        register(sender, receiver.url)
        assert sender.send(htmlContent=html).status_code == 201
    try:
        while (due := provider.control("GET", "next")["at"]) is not None:
            provider.advance_to(due)
    finally:
        provider.set_time(START)
    wait_until(lambda: idle(provider))
    acts = [(e["event"], e["at"]) for e in account.log("recipient")]
    assert [name for name, _ in acts[:3]] == ["request", "delivered", "unique_opened"]
    assert sorted(name for name, _ in acts[3:]) == ["click", "opened"]
    assert all(at % GRID == 0 for _, at in acts[2:])
    click = next(body for body in receiver.bodies("/") if body["event"] == "click")
    assert click["link"] == "https://shop.test/cart?a=1&b=2"
    assert [e["event"] for e in leaver.log("recipient")][-1] == "follow_unsubscribe"
    (visit,) = leaver.log("visit")
    assert visit["url"].endswith("/u/token-1") and visit["outcome"] == "ok"
    (page,) = [item for item in receiver.got if item["path"] == "/u/token-1"]
    assert page["body"] == b"List-Unsubscribe=One-Click"
    assert len(receiver.bodies("/")) == 5 + 3


def test_a_running_clock_needs_no_driver(tmp_path: Path, receiver: Receiver) -> None:
    moved = {
        "CLOCK_FILE": "",
        "CLOCK_EPOCH": str(time.time()),
        "CLOCK_START": str(START),
        "CLOCK_RATE": "3600",
    }
    with contextmanager(running_provider)(tmp_path, stepped=False, **moved) as provider:
        account = provider.account(settings={"opens": 1})
        register(account, receiver.url)
        account.send()
        # Up to a minute of business time: 1/60 s here, then the ticker.
        wait_until(lambda: receiver.events()[:2] == ["request", "delivered"])
        assert receiver.bodies()[1]["ts"] - receiver.bodies()[0]["ts"] <= 60
        assert START <= receiver.bodies()[0]["ts_event"] <= START + 3600 * 60


def test_by_default_nobody_opens(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url)
    for number in range(20):
        account.send(f"p{number}@example.com", htmlContent='<a href="https://shop.test/">x</a>')
    try:
        provider.advance_to(START + 30 * 86400)
    finally:
        provider.set_time(START)
    assert sorted(receiver.events()) == ["delivered"] * 20 + ["request"] * 20


def test_what_addresses_say(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url)
    for name in ("bounce1", "soft1", "defer1", "complain1"):
        account.send(f"{name}@example.com")
    account.send(sender={"email": "stranger@example.com"})
    try:
        provider.advance_to(START + 86400)
        seen = {name: [] for name in ("bounce1", "soft1", "defer1", "complain1", "ann")}
        for body in receiver.bodies():
            seen[body["email"].partition("@")[0]].append(body["event"])
        assert seen == {
            "bounce1": ["request", "hard_bounce"],
            "soft1": ["request", "soft_bounce"],
            "defer1": ["request", "deferred", "delivered"],
            "complain1": ["request", "delivered", "complaint"],
            "ann": ["request", "error"],
        }
        blocked = account.get("/smtp/blockedContacts", sort="asc")["contacts"]
        assert [(row["email"], row["reason"]["code"]) for row in blocked] == [
            ("bounce1@example.com", "hardBounce"),
            ("complain1@example.com", "contactFlaggedAsSpam"),
        ]
        # Accepted all the same, then reported as blocked.
        assert account.send("bounce1@example.com").status_code == 201
        wait_until(lambda: receiver.events()[-2:] == ["request", "blocked"])
        assert account.call("DELETE", "/smtp/blockedContacts/bounce1%40example.com").status_code == 204
    finally:
        provider.set_time(START)


def test_only_429_and_silence_are_tried_again(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(settings={"webhook_retry_seconds": [0.02, 0.02]})
    register(account, receiver.url, events=["request"])
    for answers, outcomes in (
        ([429, None, 200], ["retry", "retry", "ok"]),
        ([429, 429, 429], ["retry", "retry", "dropped"]),
        ([500], ["discarded"]),
        ([404], ["discarded"]),
        ([204], ["ok"]),
    ):
        receiver.answers = list(answers)
        sent = account.send().json()["messageId"]
        wait_until(lambda: idle(provider))
        tries = [entry for entry in account.log("webhook") if entry["message_id"] == sent]
        assert [entry["outcome"] for entry in tries] == outcomes
        assert [entry["attempt"] for entry in tries] == list(range(1, len(outcomes) + 1))


def test_contacts_report_their_changes(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(api_key_name="our-connector")
    events = ["contactUpdated", "unsubscribed", "contactDeleted"]
    hook = register(account, receiver.url, type="marketing", events=events)
    account.post("/contacts", {"email": "ann@example.com"})
    account.put("/contacts/1", {"attributes": {"FIRSTNAME": "Ann"}})
    wait_until(lambda: receiver.events() == ["contact_updated"])
    body = receiver.bodies()[0]
    assert body["content"] == [{"FIRSTNAME": "Ann"}] and body["api_key_name"] == "our-connector"
    provider.control(
        "POST", "act", {"account": account.key, "event": "marketing_unsubscribe", "email": "ann@example.com"}
    )
    assert receiver.bodies()[1]["event"] == "unsubscribe" and receiver.bodies()[1]["id"] == hook
    assert account.get("/contacts/1")["emailBlacklisted"] is True


def test_a_recipient_can_be_moved_by_hand(account: Account, provider: Provider, receiver: Receiver) -> None:
    register(account, receiver.url)
    sent = account.send().json()["messageId"]
    act = {"account": account.key, "message_id": sent, "event": "unsubscribed"}
    assert provider.control("POST", "act", act)["message_id"] == sent
    assert receiver.events() == ["request", "unsubscribed"]
    row = account.get("/smtp/blockedContacts")["contacts"][0]
    assert (row["email"], row["senderEmail"], row["reason"]["code"]) == (
        "ann@example.com", "shop@example.com", "unsubscribedViaEmail",
    )  # fmt: skip


def test_registrations(account: Account, provider: Provider, receiver: Receiver) -> None:
    address = receiver.url.replace("http://", "http://user:pass@")
    hook = register(account, address, events=["request"])
    assert account.get(f"/webhooks/{hook}")["events"] == ["request"]
    account.send()
    wait_until(lambda: receiver.got)
    credentials = receiver.got[0]["headers"]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"user:pass"
    assert account.put(f"/webhooks/{hook}", {"events": ["delivered"]}).status_code == 204
    assert [row["id"] for row in account.get("/webhooks")["webhooks"]] == [hook]
    assert account.get("/webhooks", type="marketing") == {"webhooks": []}
    assert account.call("DELETE", f"/webhooks/{hook}").status_code == 204
    for bad in (
        {"url": "ftp://x", "events": ["request"]},
        {"url": receiver.url, "events": ["hard_bounce"]},
        {"url": receiver.url, "events": ["contactUpdated"]},
        {"url": receiver.url},
    ):
        assert account.post("/webhooks", bad).status_code == 400
    answers = [account.post("/webhooks", {"url": receiver.url, "events": ["request"]}).status_code for _ in range(41)]
    assert answers == [201] * 40 + [400]
