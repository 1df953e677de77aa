from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.provider_process import START, Account, Provider, account, mail, provider, running_provider

__all__ = ["account", "provider"]


def test_an_accepted_email_is_in_the_log_once_as_it_was_sent(account: Account) -> None:
    headers = {"X-Mailin-custom": "m-1", "List-Unsubscribe": "<https://shop.test/u/1>", "X-Shop": "yes"}
    answer = account.send(subject="Your cart", tags=["cart", "k1"], headers=headers, textContent="Hi")
    assert answer.status_code == 201
    (email,) = account.log("email")
    assert email["message_id"] == answer.json()["messageId"]
    assert (email["to"], email["subject"], email["html"], email["text"]) == (
        "ann@example.com", "Your cart", "<p>Hi</p>", "Hi",
    )  # fmt: skip
    assert email["tags"] == ["cart", "k1"]
    assert email["headers"] == {"X-Mailin-custom": "m-1", "X-Shop": "yes"}
    assert email["accepted_at"] == START
    (request,) = [entry for entry in account.log("request") if entry["path"] == "/v3/smtp/email"]
    assert request["accepted"] and request["first_byte_at"] == email["first_byte_at"]
    assert request["first_byte_at"] <= request["answered_at"]


def test_the_providers_own_language_is_evaluated(account: Account) -> None:
    account.post("/contacts", {"email": "ann@example.com", "attributes": {"FIRSTNAME": "Ann"}})
    html = (
        "{{ contact.FIRSTNAME }}|{{ contact.EMAIL }}|{{ params.order.id }}|{{ params.none.deep }}|"
        '{{ contact.NICK | default : "friend" }}|{% if contact.FIRSTNAME %}known{% endif %}'
    )
    sent = account.send(htmlContent=html, subject="For {{ contact.FIRSTNAME }}", params={"order": {"id": 7}})
    assert sent.status_code == 201
    (email,) = account.log("email")
    assert email["html"] == "Ann|ann@example.com|7||friend|known"
    assert email["subject"] == "For Ann"


@pytest.mark.parametrize("title", ["{% if %} tee", "{{ contact.EMAIL mug", "{% endif %}"])
def test_unescaped_merchant_text_is_refused(account: Account, title: str) -> None:
    answer = account.send(htmlContent=f"<b>{title}</b>")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert account.log("email") == []
    escaped = title.replace("{", "&#123;")
    assert account.send(htmlContent=f"<b>{escaped}</b>").status_code == 201
    assert account.log("email")[0]["html"] == f"<b>{escaped}</b>"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"surprise": 1}, "invalid_parameter"),
        ({"headers": {"X-Mailin-custom": 5}}, "invalid_parameter"),
        ({"tags": "cart"}, "invalid_parameter"),
        ({"subject": ""}, "missing_parameter"),
        ({"htmlContent": ""}, "missing_parameter"),
        ({"to": []}, "missing_parameter"),
        ({"to": [{"email": "nobody"}]}, "invalid_parameter"),
        ({"to": [{"name": "Ann"}]}, "missing_parameter"),
        ({"sender": {"id": 99}}, "invalid_parameter"),
        ({"scheduledAt": "2030-01-01T00:00:00Z"}, "invalid_parameter"),
        ({"templateId": 5}, "document_not_found"),
        ({"to": [{"email": f"p{n}@example.com"} for n in range(100)]}, "out_of_range"),
    ],
)
def test_bad_emails_are_refused(account: Account, change: dict[str, object], code: str) -> None:
    answer = account.post("/smtp/email", {**mail("ann@example.com"), **change})
    assert answer.json()["code"] == code and answer.status_code in (400, 404)
    assert account.log("email") == []


@pytest.mark.parametrize("spelling", ["idempotencyKey", "Idempotency-Key", "IdempotencyKey"])
def test_a_replay_is_refused_only_where_keys_are_honoured(account: Account, spelling: str) -> None:
    assert account.send(headers={spelling: "k"}).status_code == 201
    replay = account.send(headers={spelling: "k"})
    assert (replay.status_code, replay.json()["code"]) == (400, "duplicate_parameter")
    assert account.send(headers={spelling: "other"}).status_code == 201
    assert len(account.log("email")) == 2
    account.settings(honour_idempotency=False)
    assert account.send(headers={spelling: "k"}).status_code == 201
    assert [email["idempotency_key"] for email in account.log("email")] == ["k", "other", "k"]
    assert all(email["headers"] == {} for email in account.log("email"))


@pytest.mark.parametrize(("honour", "accepted"), [(True, 1), (False, 16)])
def test_one_of_many_simultaneous_replays_wins(provider: Provider, honour: bool, accepted: int) -> None:
    account = provider.account(settings={"honour_idempotency": honour})
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: account.send(headers={"idempotencyKey": "k"}), range(16)))
    assert sum(answer.status_code == 201 for answer in answers) == accepted
    assert len(account.log("email")) == accepted


def test_versions_have_a_message_each(account: Account) -> None:
    versions = [
        {"to": [{"email": "a@example.com"}], "subject": "For A", "params": {"n": 1}},
        {"to": [{"email": "b@example.com"}], "params": {"n": 2}},
    ]
    answer = account.send(messageVersions=versions, htmlContent="<p>{{ params.n }}</p>")
    ids = answer.json()["messageIds"]
    assert answer.status_code == 201 and len(set(ids)) == 2
    assert [(e["message_id"], e["to"], e["subject"], e["html"]) for e in account.log("email")] == [
        (ids[0], "a@example.com", "For A", "<p>1</p>"),
        (ids[1], "b@example.com", "Hello", "<p>2</p>"),
    ]


def test_a_scheduled_message_begins_at_its_time(provider: Provider) -> None:
    account = provider.account(tier="extended")
    answer = account.send(scheduledAt="2026-11-02T13:00:00+01:00")
    assert answer.status_code == 202
    (email,) = account.log("email")
    due = email["due_at"]
    assert (email["accepted_at"], due) == (START, START - 10 + 3 * 3600)
    assert account.log("recipient") == []
    find = {"email": "ann@example.com"}
    assert account.get("/smtp/emails", **find)["count"] == 0
    try:
        provider.advance_to(due - 1)
        assert account.log("recipient") == []
        provider.advance_to(due)
        assert [(entry["event"], entry["at"]) for entry in account.log("recipient")] == [("request", due)]
        assert account.get("/smtp/emails", **find)["count"] == 1
    finally:
        provider.set_time(START)


def test_the_daily_quota_ends_with_402_and_begins_again_the_next_day(provider: Provider) -> None:
    account = provider.account(daily_quota=2)
    assert [account.send().status_code for _ in range(3)] == [201, 201, 402]
    assert account.send().json()["code"] == "not_enough_credits"
    assert account.get("/account")["plan"][0]["credits"] == 0
    try:
        provider.set_time(START + 86400)
        assert account.send().status_code == 201
    finally:
        provider.set_time(START)


def test_a_drop_header_sends_nothing(account: Account) -> None:
    assert account.send(headers={"X-Sib-Sandbox": "drop"}).status_code == 201
    assert account.log("email") == [] and account.get("/smtp/emails", email="ann@example.com")["count"] == 0


def test_sent_messages_can_be_looked_up(provider: Provider) -> None:
    account = provider.account(tier="extended")  # more than two look-ups a second
    first = account.send(tags=["outbox-1"]).json()["messageId"]
    account.send(to="bob@example.com", tags=["outbox-2"])
    found = account.get("/smtp/emails", email="ann@example.com", startDate="2026-11-01", endDate="2026-11-02")
    assert found["count"] == 1
    assert found["transactionalEmails"][0]["messageId"] == first
    assert found["transactionalEmails"][0]["tags"] == ["outbox-1"]
    assert account.get("/smtp/emails", messageId=first)["count"] == 1
    october = {"startDate": "2026-10-01", "endDate": "2026-10-02"}
    assert account.get("/smtp/emails", email="ann@example.com", **october)["transactionalEmails"] == []
    assert account.call("GET", "/smtp/emails").json()["code"] == "missing_parameter"
    half = account.call("GET", "/smtp/emails", email="ann@example.com", startDate="2026-11-01")
    assert half.json()["code"] == "missing_parameter"
    account.settings(lookup_lag_seconds=3600)
    assert account.get("/smtp/emails", messageId=first)["count"] == 0


def test_message_ids_do_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    seen = []
    for number, order in enumerate(("abc", "cab")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with contextmanager(running_provider)(folder) as provider:
            account = provider.account("the same key")
            seen.append({name: account.send(f"{name}@example.com").json()["messageId"] for name in order})
            twice = [account.send().json()["messageId"] for _ in range(2)]
            assert len({*seen[-1].values(), *twice}) == 5
    assert seen[0] == seen[1]
