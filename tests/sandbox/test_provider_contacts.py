from __future__ import annotations

import pytest

from tests.sandbox.provider_process import Account, Provider, account, provider, wait_until

__all__ = ["account", "provider"]


def test_create_then_update_then_refuse(account: Account) -> None:
    created = account.post("/contacts", {"email": "Ann@Example.com", "attributes": {"FIRSTNAME": "Ann"}})
    assert (created.status_code, created.json()) == (201, {"id": 1})
    again = account.post("/contacts", {"email": "ann@example.com"})
    assert again.status_code == 400
    assert again.json() == {
        "code": "duplicate_parameter",
        "message": "Unable to create contact, email is already associated with another Contact",
        "metadata": {"duplicate_identifiers": ["email"]},
    }
    update = {"email": "ann@example.com", "updateEnabled": True, "attributes": {"LASTNAME": "Lee"}}
    updated = account.post("/contacts", update)
    assert (updated.status_code, updated.content) == (204, b"")
    found = account.get("/contacts/ann%40example.com")
    assert found["id"] == 1 and found["attributes"] == {"FIRSTNAME": "Ann", "LASTNAME": "Lee"}


def test_unknown_attributes_and_wrong_types_are_dropped_silently(account: Account) -> None:
    for name, kind in (("ORDERS", "float"), ("VIP", "boolean"), ("BIRTHDAY", "date")):
        assert account.post(f"/contacts/attributes/normal/{name}", {"type": kind}).status_code == 201
    options = {"type": "multiple-choice", "multiCategoryOptions": ["news", "sale"]}
    assert account.post("/contacts/attributes/normal/TOPICS", options).status_code == 201
    sent = {
        "ORDERS": "3", "VIP": "yes", "BIRTHDAY": "soon", "TOPICS": ["sale", "other"], "FIRSTNAME": 7,
        "NOPE": "x", "lastname": "Lee", "LASTNAME": None,
    }  # fmt: skip
    assert account.post("/contacts", {"email": "a@example.com", "attributes": sent}).status_code == 201
    assert account.get("/contacts/1")["attributes"] == {"TOPICS": ["sale"]}
    dropped = account.log("request")[-2]["remark"]["dropped_attributes"]
    assert sorted(dropped) == ["BIRTHDAY", "FIRSTNAME", "NOPE", "ORDERS", "VIP", "lastname"]
    good = {"ORDERS": 3, "VIP": True, "BIRTHDAY": "1990-01-02"}
    assert account.put("/contacts/1", {"attributes": good}).status_code == 204
    assert account.get("/contacts/1")["attributes"] == {**good, "TOPICS": ["sale"]}
    assert account.put("/contacts/1", {"attributes": {"BIRTHDAY": ""}}).status_code == 204
    assert "BIRTHDAY" not in account.get("/contacts/1")["attributes"]


def test_a_telephone_number_belongs_to_one_contact(account: Account) -> None:
    first = {"email": "a@example.com", "attributes": {"SMS": "+33 6 12 34 56 78"}}
    assert account.post("/contacts", first).status_code == 201
    second = {"email": "b@example.com", "updateEnabled": True, "attributes": {"SMS": "0033612345678"}}
    clash = account.post("/contacts", second)
    assert clash.status_code == 400 and "SMS is already associated" in clash.json()["message"]
    assert account.post("/contacts", {"email": "b@example.com"}).status_code == 201
    change = account.put("/contacts/b@example.com", {"attributes": {"SMS": "33612345678"}})
    assert change.json()["metadata"] == {"duplicate_identifiers": ["SMS"]}
    merged = account.post("/contacts", {**second, "forceMerge": True, "getId": True})
    assert merged.status_code == 201
    assert [c["id"] for c in account.get("/contacts")["contacts"]] == [merged.json()["id"]]


@pytest.mark.parametrize("number", ["0612345678", "12", "+33 6", "call me", "+999123456789"])
def test_a_telephone_number_needs_its_country(account: Account, number: str) -> None:
    answer = account.post("/contacts", {"email": "a@example.com", "attributes": {"SMS": number}})
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid phone number")


def test_a_new_address_takes_a_contact_off_the_blocklist(account: Account) -> None:
    account.post("/contacts", {"email": "a@example.com", "ext_id": "77", "emailBlacklisted": True})
    assert account.get("/contacts/77", identifierType="ext_id")["emailBlacklisted"] is True
    assert account.put("/contacts/1", {"attributes": {"FIRSTNAME": "Al"}}).status_code == 204
    assert account.get("/contacts/1")["emailBlacklisted"] is True
    renamed = account.put("/contacts/77", {"attributes": {"EMAIL": "new@example.com"}}, identifierType="ext_id")
    assert renamed.status_code == 204
    found = account.get("/contacts/new@example.com")
    assert found["emailBlacklisted"] is False and found["id"] == 1


def test_identifiers_in_paths(account: Account) -> None:
    account.post("/contacts", {"email": "a@example.com", "ext_id": "gid://shop/1"})
    assert account.get("/contacts/gid%3A%2F%2Fshop%2F1", identifierType="ext_id")["id"] == 1
    assert account.call("GET", "/contacts/gid-1").status_code == 400
    missing = account.call("GET", "/contacts/none@example.com")
    assert (missing.status_code, missing.json()["code"]) == (404, "document_not_found")
    assert account.call("DELETE", "/contacts/1").status_code == 204
    assert account.call("GET", "/contacts/a%40example.com").status_code == 404


def test_a_second_write_can_come_too_early(account: Account) -> None:
    account.settings(too_early_seconds=60)
    assert account.post("/contacts", {"email": "a@example.com"}).status_code == 201
    assert account.post("/contacts", {"email": "a@example.com", "updateEnabled": True}).status_code == 425
    account.settings(too_early_seconds=0)
    assert account.post("/contacts", {"email": "a@example.com", "updateEnabled": True}).status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "a@example.com", "extra": 1}, "invalid_parameter"),
        ({"email": 5}, "invalid_parameter"),
        ({"email": "no address"}, "invalid_parameter"),
        ({"email": "a@example.com", "listIds": [99]}, "invalid_parameter"),
        ({"email": "a@example.com", "emailBlacklisted": "true"}, "invalid_parameter"),
        ({"attributes": {"FIRSTNAME": "Ann"}}, "missing_parameter"),
        ([], "invalid_parameter"),
    ],
)
def test_bodies_are_refused_by_shape(account: Account, body: object, code: str) -> None:
    answer = account.post("/contacts", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert account.get("/contacts")["count"] == 0


def test_lists(account: Account) -> None:
    folder = account.post("/contacts/folders", {"name": "Shop"}).json()["id"]
    made = account.post("/contacts/lists", {"name": "Customers", "folderId": folder}).json()["id"]
    account.post("/contacts", {"email": "a@example.com", "listIds": [made]})
    account.post("/contacts", {"email": "b@example.com"})
    added = account.post(f"/contacts/lists/{made}/contacts/add", {"emails": ["b@example.com", "c@example.com"]})
    assert added.status_code == 201
    assert added.json()["contacts"] == {
        "success": ["b@example.com"], "failure": ["c@example.com"], "total": 1,
    }  # fmt: skip
    assert account.get(f"/contacts/lists/{made}/contacts")["count"] == 2
    assert account.post(f"/contacts/lists/{made}/contacts/remove", {"ids": [1]}).status_code == 201
    assert account.get(f"/contacts/lists/{made}")["uniqueSubscribers"] == 1
    too_many = account.post(f"/contacts/lists/{made}/contacts/add", {"ids": list(range(1, 152))})
    assert too_many.status_code == 400


def test_imports_run_in_the_background(provider: Provider) -> None:
    account = provider.account(tier="extended", settings={"import_seconds": 0.2, "import_queue_seconds": 0.3})
    account.post("/contacts/attributes/normal/ORDERS", {"type": "float"})
    account.post("/contacts", {"email": "old@example.com", "attributes": {"SMS": "33600000001"}})
    rows = [
        {"email": "new@example.com", "attributes": {"ORDERS": 2, "EXT_ID": "5"}},
        {"email": "not an address", "attributes": {}},
        {"email": "other@example.com", "attributes": {"SMS": "33600000001"}},
    ]
    body = {"jsonBody": rows, "listIds": [2], "emailBlacklist": True, "updateExistingContacts": True}
    started = account.post("/contacts/import", body)
    assert started.status_code == 202
    path = f"/processes/{started.json()['processId']}"
    assert account.get(path)["status"] == "queued"
    wait_until(lambda: account.log("import"))
    done = account.get(path)
    assert done["status"] == "completed"
    files = {name for name, url in done["info"]["import"].items() if url}
    assert files == {"invalid_emails", "duplicate_phone_id"}
    found = account.get("/contacts/5", identifierType="ext_id")
    assert found["attributes"]["ORDERS"] == 2 and found["listIds"] == [2] and found["emailBlacklisted"]
    assert account.post("/contacts/import", {"jsonBody": rows}).json()["code"] == "missing_parameter"

    csv = "EMAIL;FIRSTNAME;ORDERS\nnew@example.com;;7\ncsv@example.com;Cy;1.5\n"
    account.post("/contacts/import", {"fileBody": csv, "listIds": [2]})
    wait_until(lambda: len(account.log("import")) == 2)
    assert account.get("/contacts/csv@example.com")["attributes"] == {"FIRSTNAME": "Cy", "ORDERS": 1.5}
    assert account.get("/contacts/new@example.com")["attributes"]["ORDERS"] == 7
