from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.provider_process import START, Account, Provider, Receiver, provider, receiver, wait_until

__all__ = ["provider", "receiver"]

NUMBER, WHATSAPP = "33612345678", "33700000000"
DAY, HOUR = 86400, 3600
SMS_EVENTS = ["sent", "delivered", "hardBounce", "softBounce", "reply", "unsubscribed", "blocked"]


@pytest.fixture
def account(provider: Provider) -> Iterator[Account]:
    yield provider.account(
        tier="extended",
        plan=[{"type": "free"}, {"type": "sms"}],
        sms_credits=10,
        sms_templates={"4": "Hello {{ contact.FIRSTNAME }}, {{ params.what }}"},
        whatsapp_number=WHATSAPP,
        whatsapp_templates=[{"name": "hello", "body": "Hi {{name}}"}, {"name": "new", "body": "x", "status": "draft"}],
    )
    provider.set_time(START)


def sms(account: Account, **fields: Any) -> Any:
    return account.post("/transactionalSMS/send", {"sender": "Shop", "recipient": NUMBER, "content": "Hi", **fields})


def whatsapp(account: Account, **fields: Any) -> Any:
    body = {"senderNumber": WHATSAPP, "contactNumbers": [NUMBER], **fields}
    return account.post("/whatsapp/sendMessage", body)


def texts(account: Account, **query: Any) -> list[dict[str, Any]]:
    return account.get("/transactionalSMS/statistics/events", sort="asc", **query)["events"]


def test_an_sms_is_sent_delivered_and_reported(account: Account, provider: Provider, receiver: Receiver) -> None:
    account.post("/webhooks", {"url": receiver.url, "channel": "sms", "events": SMS_EVENTS})
    told = sms(account, tag=["cart", "k"], webUrl=f"{receiver.url}/own").json()
    provider.advance_to(START + 60)
    wait_until(lambda: len(receiver.got) == 4)
    bodies = receiver.bodies("/")
    assert [body["msg_status"] for body in bodies] == ["sent", "delivered"]
    assert not {"event", "email"} & bodies[0].keys()
    assert (bodies[0]["to"], bodies[0]["messageId"], bodies[0]["remaining_credit"]) == (NUMBER, told["messageId"], 9.0)
    assert [body["msg_status"] for body in receiver.bodies("/own")] == ["sent", "delivered"]
    assert [(row["event"], row["tag"]) for row in texts(account)] == [("sent", "cart"), ("delivered", "cart")]
    assert texts(account, event="delivered", phoneNumber=NUMBER, tags='["k"]') and not texts(account, tags='["x"]')


def test_people_answer_and_leave(account: Account, provider: Provider, receiver: Receiver) -> None:
    account.settings(sms_stops=1)
    account.post("/contacts", {"email": "ann@example.com", "attributes": {"SMS": NUMBER}})
    account.post("/webhooks", {"url": receiver.url, "channel": "sms", "events": SMS_EVENTS})
    sms(account, content="Sale [STOP_CODE]")
    provider.advance_to(START + DAY)
    wait_until(lambda: len(receiver.got) == 4)
    assert [body["msg_status"] for body in receiver.bodies()] == ["sent", "delivered", "replied", "unsubscribed"]
    assert receiver.bodies()[2]["reply"] == "STOP" and receiver.bodies()[2]["type"] == "marketing"
    assert account.get("/contacts/ann@example.com")["smsBlacklisted"] is True
    # Marketing no longer reaches the number; what is transactional does.
    sms(account, content="Sale [STOP_CODE]")
    sms(account, content="Your parcel")
    provider.advance_to(START + 2 * DAY)
    assert [row["event"] for row in texts(account)][4:] == ["blocked", "sent", "delivered", "replies", "unsubscription"]


def test_what_an_sms_costs_and_how_it_arrives(account: Account, provider: Provider) -> None:
    old = account.post("/transactionalSMS/sms", {"sender": "Shop", "recipient": NUMBER, "content": "x" * 161}).json()
    assert (old["smsCount"], old["usedCredits"], old["remainingCredits"]) == (2, 2.0, 8.0)
    sms(account, content="Voilà 🎁", organisationPrefix="Tea")
    sms(account, content="Voilà 🎁" + "é" * 70, unicodeEnabled=True)
    account.post("/contacts", {"email": "ann@example.com", "attributes": {"SMS": NUMBER, "FIRSTNAME": "Ann"}})
    body = {"sender": "Shop", "recipient": f"+{NUMBER}", "templateId": 4, "params": {"what": "hi"}}
    account.post("/transactionalSMS/send", body)
    entries = account.log("sms")
    assert [entry["parts"] for entry in entries] == [2, 1, 2, 1]
    assert entries[1]["content"] == "Tea: Voilà ?" and "🎁" in entries[2]["content"]
    assert entries[3]["content"] == "Hello Ann, hi"
    assert account.get("/account")["plan"][1] == {"type": "sms", "credits": 4.0, "creditsType": "sendLimit"}
    short = sms(account, content="x" * 1000)
    assert (short.status_code, short.json()["code"]) == (402, "not_enough_credits")
    assert account.get("/account")["plan"][1]["credits"] == 4.0


@pytest.mark.parametrize(
    "fields",
    [
        {"sender": "ABrandTooLong"},
        {"recipient": "call me"},
        {"content": "x", "templateId": 4},
        {"templateId": 9, "content": None},
        {"type": "marketing"},
        {"tag": 5},
        {"colour": "red"},
    ],
)
def test_what_an_sms_cannot_be(account: Account, fields: dict[str, Any]) -> None:
    body = {"sender": "Shop", "recipient": NUMBER, "content": "Hi", **fields}
    answer = account.post("/transactionalSMS/send", {k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 400 and account.log("sms") == []


def test_france_sleeps(account: Account, provider: Provider) -> None:
    provider.set_time(START + 13 * HOUR)  # Monday, 23:00:10 in Paris
    sms(account, content="Sale [STOP_CODE]")
    sms(account, content="Sale [STOP_CODE]", recipient="4915112345678")
    sms(account, content="Your parcel")
    late, german, transactional = account.log("sms")
    assert late["due_at"] == START - 10 + 22 * HOUR  # Tuesday, 8:00
    assert german["due_at"] == transactional["due_at"] == START + 13 * HOUR
    provider.set_time(START + 6 * DAY)  # Sunday
    sms(account, content="Sale [STOP_CODE]")
    assert account.log("sms")[3]["due_at"] == START - 10 + 7 * DAY - 2 * HOUR


def test_whatsapp_begins_with_a_template(account: Account, provider: Provider, receiver: Receiver) -> None:
    hook = {"url": receiver.url, "channel": "whatsapp", "events": ["sent", "delivered", "read", "reply", "error"]}
    provider.control("POST", "hooks", {"account": account.key, **hook})
    assert account.post("/webhooks", hook).status_code == 400
    assert whatsapp(account, text="Hello?").status_code == 400
    assert whatsapp(account, templateId=2).status_code == 400
    account.settings(whatsapp_reads=1)
    told = whatsapp(account, templateId=1, params={"name": "Ann"}).json()["messageId"]
    assert account.log("whatsapp")[0]["content"] == "Hi Ann"
    provider.advance_to(START + 2 * HOUR)
    assert [body["event"] for body in receiver.bodies()] == ["sent", "delivered", "read"]
    # Free text is only for people who wrote within the last day.
    assert whatsapp(account, text="Still there?").status_code == 201
    provider.set_time(START + 2 * HOUR + 1)
    act = {"account": account.key, "number": NUMBER, "message_id": told, "event": "reply", "reply": "Yes"}
    provider.control("POST", "act", act)
    assert whatsapp(account, text="Good").status_code == 201
    rows = account.get("/whatsapp/statistics/events", sort="asc", contactNumber=NUMBER)["events"]
    assert [row["event"] for row in rows] == ["sent", "delivered", "read", "error", "reply", "sent"]
    assert rows[4]["body"] == "Yes" and rows[0]["messageId"] == told
    assert "131047" in account.get("/whatsapp/statistics/events", event="error")["events"][0]["reason"]


def test_whatsapp_templates_are_approved_or_not(account: Account) -> None:
    ids = []
    for verdict in ("approved", "rejected"):
        account.settings(whatsapp_approval=verdict)
        body = {"name": verdict, "bodyText": "b", "language": "en", "category": "UTILITY"}
        ids.append(account.post("/whatsappCampaigns/template", body).json()["id"])
        assert account.call("POST", f"/whatsappCampaigns/template/approval/{ids[-1]}").status_code == 204
    assert [whatsapp(account, templateId=id).status_code for id in ids] == [201, 400]
    rows = account.get("/whatsappCampaigns/template-list", sort="asc")["templates"]
    assert [row["status"] for row in rows] == ["approved", "draft", "approved", "rejected"]
