from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.provider_process import START, Account, Provider, account, provider

__all__ = ["account", "provider"]

DAY = 86400
PAST: dict[str, Any] = {
    "domains": ["shop.example", {"name": "news.example", "dkim": False}],
    "attributes": [{"name": "COUNTRY", "type": "text"}],
    "folders": ["Imported"],
    "lists": ["Newsletter", {"name": "Old customers", "folderId": 2, "id": 9}],
    "segments": [{"name": "French", "filter": 'equals(COUNTRY,"FR")'}],
    "templates": {"5": {"subject": "Hi", "htmlContent": "<p>Hello {{ contact.COUNTRY }}</p>"}},
    "contacts": [
        {"email": "ann@example.com", "attributes": {"COUNTRY": "FR"}, "listIds": [3], "createdAt": START - 30 * DAY},
        {
            "email": "bob@example.com",
            "emailBlacklisted": True,
            "listIds": [3, 9],
            "createdAt": START - 20 * DAY,
            "modifiedAt": "2026-10-30T10:00:00Z",
        },
    ],
    "blocked": [
        {"email": "bob@example.com", "reason": "contactFlaggedAsSpam", "at": START - DAY},
        {"email": "cat@example.com", "reason": "unsubscribedViaEmail", "sender": "shop@example.com", "at": START},
        {"email": "dan@example.com", "reason": "hardBounce", "at": "2026-10-01T10:00:00Z"},
    ],
}


def emails(answer: dict[str, Any], rows: str = "contacts") -> list[str]:
    return [row["email"] for row in answer[rows]]


def test_an_account_that_lived_before(provider: Provider) -> None:
    account = provider.account(tier="extended", **PAST)
    assert emails(account.get("/contacts")) == ["bob@example.com", "ann@example.com"]
    assert emails(account.get("/contacts", sort="asc", limit=1, offset=1)) == ["bob@example.com"]
    bob = account.get("/contacts/bob%40example.com")
    assert bob["emailBlacklisted"] and bob["modifiedAt"] == "2026-10-30T11:00:00.000+01:00"
    assert bob["listIds"] == [3, 9]
    lists = account.get("/contacts/lists")
    assert [(row["id"], row["name"]) for row in lists["lists"]] == [
        (9, "Old customers"), (3, "Newsletter"), (2, "Your first list"),
    ]  # fmt: skip
    assert [row["id"] for row in account.get("/contacts/folders/2/lists")["lists"]] == [9]
    assert [row["name"] for row in account.get("/contacts/folders")["folders"]] == ["Imported", "Your first folder"]
    (segment,) = account.get("/contacts/segments")["segments"]
    assert emails(account.get("/contacts", segmentId=segment["id"])) == ["ann@example.com"]
    # Nothing of it was a call, and nothing was reported.
    assert {
        entry["kind"] for entry in provider.control("GET", "log")["entries"] if entry["account"] == account.key
    } == {"request"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"createdSince": "2026-10-10T00:00:00Z"}, ["bob@example.com"]),
        ({"modifiedSince": "2026-10-30T00:00:00.000+01:00"}, ["bob@example.com"]),
        ({"modifiedSince": "2026-11-01T00:00:00Z"}, []),
        ({"listIds": "3"}, ["bob@example.com", "ann@example.com"]),
        ({"listIds": "9,4"}, ["bob@example.com"]),
        ({"ids": "1"}, ["ann@example.com"]),
        ({"filter": 'equals(COUNTRY,"fr")'}, ["ann@example.com"]),
    ],
)
def test_contacts_are_found(provider: Provider, query: dict[str, str], found: list[str]) -> None:
    account = provider.account(tier="extended", **PAST)
    assert emails(account.get("/contacts", **query)) == found
    for bad in (
        {"limit": "1001"}, {"sort": "up"}, {"listIds": "x"}, {"segmentId": "7"}, {"modifiedSince": "soon"},
        {"filter": "COUNTRY=FR"}, {"ids": ",".join(map(str, range(1, 22)))}, {"listIds": "3", "segmentId": "1"},
    ):  # fmt: skip
        assert account.call("GET", "/contacts", **bad).status_code in (400, 404), bad


def test_blocked_addresses_are_filtered_and_paged(provider: Provider) -> None:
    account = provider.account(**PAST)
    assert emails(account.get("/smtp/blockedContacts")) == ["cat@example.com", "bob@example.com", "dan@example.com"]
    assert emails(account.get("/smtp/blockedContacts", sort="asc", limit=1, offset=1)) == ["bob@example.com"]
    assert account.get("/smtp/blockedContacts", limit=1)["count"] == 3
    (row,) = account.get("/smtp/blockedContacts", senders="x@example.com,shop@example.com")["contacts"]
    assert row["reason"] == {"code": "unsubscribedViaEmail", "message": "Unsubscribed via Email"}
    october = account.get("/smtp/blockedContacts", startDate="2026-10-01", endDate="2026-10-31")
    assert emails(october) == ["dan@example.com"]
    for bad in (
        {"startDate": "2026-10-01"}, {"startDate": "2026-11-01", "endDate": "2026-11-03"}, {"limit": 101},
    ):  # fmt: skip
        assert account.call("GET", "/smtp/blockedContacts", **bad).status_code == 400, bad
    # What an account held before counts for what it sends now.
    account.send("dan@example.com")
    assert [entry["event"] for entry in account.log("recipient")] == ["request", "blocked"]


def test_domains_go_from_nothing_to_authenticated(provider: Provider) -> None:
    account = provider.account(tier="extended", **PAST)
    states = {d["domain_name"]: (d["verified"], d["authenticated"]) for d in account.get("/senders/domains")["domains"]}
    assert states == {"shop.example": (True, True), "news.example": (True, False)}
    made = account.post("/senders/domains", {"name": "fresh.example"})
    assert made.status_code == 200 and not made.json()["dns_records"]["dkim_record"]["status"]
    assert account.put("/senders/domains/fresh.example/authenticate", None).status_code == 400
    provider.control("POST", "domain", {"account": account.key, "name": "fresh.example", "authenticated": False})
    assert account.get("/senders/domains/fresh.example")["dns_records"]["dmarc_record"]["status"] is True
    assert account.put("/senders/domains/fresh.example/authenticate", None).status_code == 200
    assert account.get("/senders/domains/fresh.example")["authenticated"] is True
    # A sender of a domain that is authenticated is there at once, another waits.
    senders = [
        account.post("/senders", {"name": "x", "email": f"x@{domain}"}).json()
        for domain in ("fresh.example", "news.example")
    ]
    assert [sender["dkimError"] for sender in senders] == [False, True]
    active = {row["email"]: row["active"] for row in account.get("/senders")["senders"]}
    assert active == {"shop@example.com": True, "x@fresh.example": True, "x@news.example": False}
    assert account.get("/senders", domain="news.example")["senders"][0]["email"] == "x@news.example"
    assert account.call("DELETE", "/senders/domains/fresh.example").status_code == 204
    assert account.call("GET", "/senders/domains/fresh.example").status_code == 404


def test_templates_are_kept_previewed_and_sent_with(provider: Provider) -> None:
    account = provider.account(tier="extended", **PAST)
    shown = account.post("/smtp/template/preview", {"templateId": 5, "email": "ann@example.com"}).json()
    assert (shown["html"], shown["subject"]) == ("<p>Hello FR</p>", "Hi")
    body = {"templateName": "n", "subject": "{{ params.x }}", "sender": {"id": 1}, "htmlContent": "<p>long enough</p>"}
    id = account.post("/smtp/templates", body).json()["id"]
    send = {"templateId": id, "to": [{"email": "ann@example.com"}], "params": {"x": "Hey"}}
    assert account.post("/smtp/email", send).status_code == 400
    assert account.put(f"/smtp/templates/{id}", {"isActive": True}).status_code == 204
    assert account.post("/smtp/email", send).status_code == 201
    assert account.log("email")[0]["subject"] == "Hey" and account.log("email")[0]["sender"] == "shop@example.com"
    assert [row["id"] for row in account.get("/smtp/templates", templateStatus="true")["templates"]] == [6, 5]
    assert account.call("DELETE", f"/smtp/templates/{id}").status_code == 405
    account.put(f"/smtp/templates/{id}", {"isActive": False})
    assert account.call("DELETE", f"/smtp/templates/{id}").status_code == 204
    assert account.call("GET", f"/smtp/templates/{id}").status_code == 404


def test_options_of_a_choice_are_added_and_taken_away(account: Account) -> None:
    one = "/contacts/attributes/normal/TOPICS"
    account.post(one, {"type": "multiple-choice", "multiCategoryOptions": ["a", "b"]})
    account.post("/contacts", {"email": "ann@example.com", "attributes": {"TOPICS": ["a", "b", "c"]}})
    assert account.put(one, {"multiCategoryOptions": ["c"]}).status_code == 204
    account.put("/contacts/1", {"attributes": {"TOPICS": ["a", "c"]}})
    assert account.call("DELETE", "/contacts/attributes/multiple-choice/TOPICS/a").status_code == 204
    assert account.call("DELETE", "/contacts/attributes/multiple-choice/TOPICS/a").status_code == 404
    assert account.get("/contacts/1")["attributes"]["TOPICS"] == ["c"]
    (found,) = [a for a in account.get("/contacts/attributes")["attributes"] if a["name"] == "TOPICS"]
    assert found["multiCategoryOptions"] == ["b", "c"]


def test_lists_and_folders_come_and_go(account: Account) -> None:
    folder = account.post("/contacts/folders", {"name": "f"}).json()["id"]
    lists = [account.post("/contacts/lists", {"name": n, "folderId": folder}).json()["id"] for n in ("a", "b")]
    account.post("/contacts", {"email": "ann@example.com", "listIds": lists})
    assert account.put(f"/contacts/lists/{lists[0]}", {"name": "c"}).status_code == 204
    assert account.get(f"/contacts/lists/{lists[0]}")["name"] == "c"
    assert account.put(f"/contacts/lists/{lists[0]}", {"folderId": 1}).status_code == 204
    assert account.call("DELETE", f"/contacts/folders/{folder}").status_code == 204
    assert account.get("/contacts/1")["listIds"] == [lists[0]]
    assert account.call("DELETE", f"/contacts/lists/{lists[0]}").status_code == 204
    assert account.get("/contacts/1")["listIds"] == []
    many = {"ids": list(range(1, 152))}
    assert account.post("/contacts/lists/2/contacts/add", many).json()["code"] == "out_of_range"


@pytest.mark.parametrize(
    ("fields", "kinds", "name"),
    [
        ({}, ["free"], "Free"),
        ({"tier": "advanced"}, ["subscription"], "Professional"),
        ({"tier": "extended", "plan": [{"type": "subscription", "credits": 7}, {"type": "sms"}]},
         ["subscription", "sms"], "Enterprise"),
        ({"plan": "payAsYouGo"}, ["payAsYouGo"], "Free"),
    ],
)  # fmt: skip
def test_plans(provider: Provider, fields: dict[str, Any], kinds: list[str], name: str) -> None:
    told = provider.account(**fields).get("/account")
    assert [row["type"] for row in told["plan"]] == kinds
    assert told["planVerticals"][0]["name"] == name
    if len(kinds) == 2:
        assert told["plan"][0]["credits"] == 7


@pytest.mark.parametrize(
    "fields",
    [
        {"contacts": [{"email": "nobody"}]},
        {"contacts": [{"email": "a@b.co", "listIds": [7]}]},
        {"contacts": [{"email": "a@b.co", "attributes": {"COLOUR": "red"}}]},
        {"contacts": [{"email": "a@b.co"}, {"email": "a@b.co"}]},
        {"blocked": [{"email": "a@b.co", "reason": "dislike"}]},
        {"plan": "golden"},
    ],
)
def test_a_past_that_cannot_be_is_refused(provider: Provider, fields: dict[str, Any]) -> None:
    answer = requests.post(f"{provider.url}/_control/accounts", json={"key": "odd", **fields}, timeout=5)
    assert answer.status_code == 400 and answer.json()["error"]
    assert requests.get(f"{provider.url}/v3/account", headers={"api-key": "odd"}, timeout=5).status_code == 401
