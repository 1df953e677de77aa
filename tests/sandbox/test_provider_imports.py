from __future__ import annotations

import csv
import io
from typing import Any

import pytest
import requests

from tests.sandbox.provider_process import Account, Provider, Receiver, provider, receiver, wait_until

__all__ = ["provider", "receiver"]

AT_ONCE = {"import_seconds": 0}


@pytest.fixture
def account(provider: Provider) -> Account:
    return provider.account(tier="extended", settings=AT_ONCE, attributes=[{"name": "VIP", "type": "boolean"}])


def done(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Import, wait for its end, and answer what GET /processes/{id} tells."""
    started = account.post("/contacts/import", {"listIds": [2], **body})
    assert started.status_code == 202, started.text
    path = f"/processes/{started.json()['processId']}"
    wait_until(lambda: account.get(path)["status"] in ("completed", "failed"))
    return account.get(path)


def rows_of(url: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(requests.get(url, timeout=5).text), delimiter=";"))


def test_an_import_goes_through_its_states(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(tier="extended", settings={"import_queue_seconds": 0.4, "import_seconds": 0.4})
    body = {"jsonBody": [{"email": "ann@example.com"}], "listIds": [2], "notifyUrl": f"{receiver.url}/done"}
    ids = [account.post("/contacts/import", body).json()["processId"] for _ in range(2)]
    seen: list[tuple[str, str]] = []

    def ended() -> bool:
        states = tuple(account.get(f"/processes/{id}")["status"] for id in ids)
        if states not in seen:
            seen.append(states)
        return states == ("completed", "completed")

    wait_until(ended)
    # One after another, and nothing of the contact before the work.
    assert seen[0] == ("queued", "queued") and ("in_process", "queued") in seen and ("completed", "queued") in seen
    wait_until(lambda: len(receiver.got) == 2)
    assert [body["id"] for body in receiver.bodies("/done")] == ids
    assert [row["id"] for row in account.get("/processes")["processes"]] == ids[::-1]


def test_rows_left_out_are_in_files(account: Account) -> None:
    account.post("/contacts", {"email": "old@example.com", "ext_id": "1", "attributes": {"SMS": "33600000001"}})
    told = done(
        account,
        {
            "jsonBody": [
                {"email": "nobody", "attributes": {"FIRSTNAME": "No"}},
                {"email": "b@example.com", "attributes": {"SMS": "33600000001", "EXT_ID": "2"}},
                {"email": "c@example.com", "attributes": {"EXT_ID": "1", "FIRSTNAME": 'Cy; "x"'}},
                {"email": "d@example.com", "attributes": {"EXT_ID": "4"}},
            ]
        },
    )
    files = told["info"]["import"]
    assert {name for name, url in files.items() if url} == {"invalid_emails", "duplicate_phone_id", "duplicate_ext_id"}
    assert rows_of(files["invalid_emails"]) == [{"EMAIL": "nobody", "FIRSTNAME": "No"}]
    assert rows_of(files["duplicate_phone_id"]) == [{"EMAIL": "b@example.com", "SMS": "33600000001", "EXT_ID": "2"}]
    assert rows_of(files["duplicate_ext_id"])[0]["FIRSTNAME"] == 'Cy; "x"'
    assert account.log("import")[0]["imported"] == 1
    assert account.get("/contacts/4", identifierType="ext_id")["email"] == "d@example.com"
    # A file has its own address and no other.
    assert requests.get(files["invalid_emails"] + "x", timeout=5).status_code == 404


def test_an_import_without_the_flag_subscribes_nobody_again(account: Account) -> None:
    account.post("/contacts", {"email": "gone@example.com", "emailBlacklisted": True, "smsBlacklisted": True})
    done(account, {"jsonBody": [{"email": "gone@example.com", "attributes": {"FIRSTNAME": "G"}}]})
    found = account.get("/contacts/gone@example.com")
    assert found["attributes"] == {"FIRSTNAME": "G"} and found["emailBlacklisted"] and found["smsBlacklisted"]
    done(account, {"jsonBody": [{"email": "new@example.com"}], "emailBlacklist": False})
    assert account.get("/contacts/new@example.com")["emailBlacklisted"] is False
    # The control: with the flag it does.
    done(account, {"jsonBody": [{"email": "new@example.com"}], "emailBlacklist": True})
    found = account.get("/contacts/new@example.com")
    assert found["emailBlacklisted"] is True and found["smsBlacklisted"] is False


def test_known_contacts_can_be_left_alone_and_values_emptied(account: Account) -> None:
    account.post("/contacts", {"email": "a@example.com", "attributes": {"FIRSTNAME": "Ann", "VIP": True}})
    row = {"email": "a@example.com", "attributes": {"FIRSTNAME": ""}}
    told = done(account, {"jsonBody": [row], "updateExistingContacts": False})
    assert told["info"]["import"]["duplicate_email_id"]
    done(account, {"jsonBody": [row]})
    assert account.get("/contacts/1")["attributes"] == {"FIRSTNAME": "Ann", "VIP": True}
    done(account, {"jsonBody": [row], "emptyContactsAttributes": True})
    assert account.get("/contacts/1")["attributes"] == {"VIP": True}


@pytest.fixture
def files(receiver: Receiver) -> str:
    receiver.files = {
        "/people.csv": b'\xef\xbb\xbfEMAIL;FIRSTNAME;VIP\nann@example.com;"Ann; Lee";yes\n',
        "/people.json": b'[{"email": "bob@example.com", "attributes": {"VIP": true}}]',
        "/broken.json": b'{"email": 1}',
    }
    return receiver.url


def test_files_are_fetched(account: Account, files: str) -> None:
    for name in ("people.csv", "people.json"):
        assert done(account, {"fileUrl": f"{files}/{name}"})["status"] == "completed"
    assert account.get("/contacts/ann@example.com")["attributes"] == {"FIRSTNAME": "Ann; Lee", "VIP": True}
    assert account.get("/contacts/bob@example.com")["attributes"] == {"VIP": True}
    for name in ("nothing.csv", "broken.json"):
        assert done(account, {"fileUrl": f"{files}/{name}"})["status"] == "failed"
    far = account.post("/contacts/import", {"fileUrl": "https://files.example/x.csv", "listIds": [2]})
    assert far.status_code == 400


def test_what_an_import_cannot_be(account: Account) -> None:
    one = [{"email": "a@example.com"}]
    for body, code in (
        ({"jsonBody": one}, "missing_parameter"),
        ({"listIds": [2]}, "missing_parameter"),
        ({"jsonBody": one, "fileBody": "EMAIL\na@b.co", "listIds": [2]}, "missing_parameter"),
        ({"jsonBody": one, "listIds": [77]}, "invalid_parameter"),
        ({"jsonBody": one, "newList": {"listName": "x"}}, "missing_parameter"),
        ({"jsonBody": [{"email": "a@b.co", "ext_id": "5"}], "listIds": [2]}, "invalid_parameter"),
        ({"jsonBody": one, "emptyContactsAttributes": True, "updateExistingContacts": False, "listIds": [2]},
         "invalid_parameter"),
        ({"fileBody": "EMAIL\n" + "x" * 10_000_000, "listIds": [2]}, "out_of_range"),
    ):  # fmt: skip
        assert account.post("/contacts/import", body).json()["code"] == code, str(body)[:80]
    made = account.post("/contacts/import", {"jsonBody": one, "newList": {"listName": "Fresh", "folderId": 1}})
    assert made.status_code == 202 and account.get("/contacts/lists")["lists"][0]["name"] == "Fresh"


def test_an_import_that_fails_keeps_what_it_did(account: Account) -> None:
    account.settings(failing_imports=1)
    rows = [{"email": f"p{number}@example.com"} for number in range(4)]
    told = done(account, {"jsonBody": rows})
    assert told["status"] == "failed" and "info" not in told
    assert account.get("/contacts")["count"] == 2
    assert done(account, {"jsonBody": rows})["status"] == "completed"


def test_imports_report_what_they_wrote(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(tier="extended", settings=AT_ONCE, api_key_name="ours")
    account.post("/contacts", {"email": "old@example.com"})
    hook = {"url": receiver.url, "type": "marketing", "events": ["contactUpdated", "listAddition"]}
    account.post("/webhooks", hook)
    body = {"jsonBody": [{"email": "old@example.com", "attributes": {"FIRSTNAME": "O"}}, {"email": "new@example.com"}]}
    done(account, body)
    wait_until(lambda: len(receiver.got) == 3)
    told = sorted((body["event"], body["email"], body["api_key_name"]) for body in receiver.bodies())
    assert told == [
        ("contact_updated", "old@example.com", "ours"),
        ("list_addition", "new@example.com", "ours"),
        ("list_addition", "old@example.com", "ours"),
    ]
    account.settings(import_webhooks=False)
    done(account, {"jsonBody": [{"email": "old@example.com", "attributes": {"FIRSTNAME": "X"}}]})
    assert len(account.log("webhook")) == 3
