"""The page of the mapping: checked, tried on one person, taken with a line in the audit log."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.brevo.credentials import Access
from connector.brevo_tokens import keep
from connector.grants import Grant
from connector.models.mapping import mapping_edits
from sync import attributes
from sync.mapping.contact import defaults
from sync.mapping.document import read
from tests.admin.office import APP_KEY, APP_SECRET, Office, furnish
from tests.admin.programs import program
from tests.engine.installation import installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP

TEXT = "attributes:\n  PRENOM: {from: first_name, type: text}\n"


@pytest.fixture
def office(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Office]:
    app = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, provider, **app) as product:
        yield Office(product, [furnish(product, SHOP, number=1)])


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found
    return found[1]


def test_an_editor_checks_tries_and_takes_a_mapping(office: Office) -> None:
    (desk,) = office.desks
    editor = office.browser(office.hire("editor"))
    path = f"{desk.path}/mapping"
    first = editor.get(path).text
    assert "Take it" not in first, "before it was checked"
    checked = editor.post(f"{path}/check", document=TEXT, seen=seen(first))
    assert (
        checked.status_code == 200 and "Attributes that change: PRENOM." in checked.text and "Take it" in checked.text
    )
    tried = editor.post(f"{path}/preview", document=TEXT, seen=seen(first), who="ann.bell1@example.com").text
    assert '"PRENOM": "Ann"' in html.unescape(tried) and "POST /contacts" in tried
    assert "PRENOM does not exist" in tried, "Brevo was asked"
    assert desk.shop.rows(mapping_edits) == [] and office.lines(desk.shop.id) == []
    taken = editor.post(path, document=TEXT.replace("\n", "\r\n"), seen=seen(first))
    assert taken.status_code == 200 and "The mapping is taken." in taken.text
    (line,) = office.lines(desk.shop.id)
    assert (line.act, line.object_kind) == ("mapping.change", "mapping") and line.actor.startswith("staff:")
    late = editor.post(path, document="attributes: {CITY: null}", seen=seen(first))
    assert late.status_code == 409 and "Somebody else has changed the mapping" in late.text
    assert "PRENOM: {from: first_name" in html.unescape(late.text), "what holds now stands beside it"
    # Checking it does not make the second the first.
    once_more = editor.post(f"{path}/check", document="attributes: {CITY: null}", seen=seen(first))
    again = editor.post(path, document="attributes: {CITY: null}", seen=seen(once_more.text))
    assert again.status_code == 409 and len(desk.shop.rows(mapping_edits)) == 1
    assert editor.post(path, document="attributes: {CITY: null}", seen=seen(again.text)).status_code == 200
    assert editor.post(path, document=TEXT, seen=seen(editor.get(path).text)).status_code == 200
    assert "PRENOM" in html.unescape(editor.get(path).text)


def test_an_attribute_is_changed_without_writing_the_document(office: Office) -> None:
    (desk,) = office.desks
    editor = office.browser(office.hire("editor"))
    path = f"{desk.path}/mapping"

    def change(document: str, **fields: str) -> str:
        answer = editor.post(f"{path}/attribute", document=document, seen="x", **fields)
        assert answer.status_code == 200, answer.text
        found = re.search(r'<textarea name="document"[^>]*>(.*?)</textarea>', answer.text, re.S)
        assert found
        return html.unescape(found[1])

    own = change("", name="LOYAL", source="tagged:vip", type="boolean")
    assert read(own).attributes == {"LOYAL": {"from": "tagged:vip", "type": "boolean"}}
    off = change(own, name="CITY")
    assert read(off).attributes["CITY"] is None
    page = editor.post(f"{path}/check", document=off, seen="x").text
    assert "switched off" in page and "your own" in page and "as shipped" in page
    # As it is shipped it needs no entry, and one of the shop's own goes by being emptied.
    shipped = defaults()["CITY"]
    back = change(off, name="CITY", source=shipped["from"], type=shipped["type"])
    assert read(back).attributes == {"LOYAL": {"from": "tagged:vip", "type": "boolean"}}
    wrong = editor.post(f"{path}/attribute", document=own, seen="x", name="LOYAL", source="nowhere", type="text")
    assert wrong.status_code == 422 and "nothing that is known of a person" in wrong.text
    assert desk.shop.rows(mapping_edits) == [] and office.lines(desk.shop.id) == []


def test_what_is_wrong_is_shown_with_the_text_as_it_was_written(office: Office) -> None:
    (desk,) = office.desks
    editor = office.browser(office.hire("editor"))
    wrong = "attributes:\n  X: {from: <b>nowhere</b>, type: text}\n"
    for route in ("/check", "/preview", ""):
        answer = editor.post(f"{desk.path}/mapping{route}", document=wrong, seen="x", who="ann.bell1@example.com")
        assert answer.status_code == 422 and "line 2: attributes X" in answer.text
        assert wrong.strip() in html.unescape(answer.text) and "<b>nowhere" not in answer.text
    assert desk.shop.rows(mapping_edits) == []


def test_whoever_only_reads_sees_it_and_has_no_editor(office: Office) -> None:
    (desk,) = office.desks
    reader = office.browser(office.hire("read-only"))
    page = reader.get(f"{desk.path}/mapping")
    assert page.status_code == 200 and "<textarea" not in page.text and "FIRSTNAME" in page.text
    assert reader.post(f"{desk.path}/mapping", document=TEXT).status_code == 403


def test_a_program_checks_tries_and_takes_a_mapping(office: Office) -> None:
    """By the same acts as the page."""
    (desk,) = office.desks
    editor = program(office, desk, "editor")
    first = editor.get("mapping")
    assert "events:" in first.json["document"] and "lapsed" in first.json["document"]
    assert {row["state"] for row in first.json["attributes"]} == {"as shipped"} and first.json["edits"] == []
    assert editor.post("mapping/check", {"document": TEXT}).json["meaning"]["attributes"] == ["PRENOM"]
    tried = editor.post("mapping/preview", {"document": TEXT, "person": desk.person}).json
    assert tried["request"]["body"]["attributes"]["PRENOM"] == "Ann" and tried["asked"]
    assert "PRENOM" in str(tried["ignored"]), "Brevo was asked"
    held = editor.post("mapping/preview", {"person": desk.person}).json
    assert "PRENOM" not in held["request"]["body"]["attributes"], "by the mapping that holds"
    assert editor.post("mapping/preview", {"person": 2**40}).status_code == 404
    assert "Name the person" in editor.post("mapping/preview", {}).json["detail"]
    changed = editor.post("mapping/attribute", {"document": TEXT, "name": "CITY"}).json["document"]
    assert read(changed).attributes["CITY"] is None
    assert "line 2" in editor.post("mapping/check", {"document": TEXT.replace("text", "txet")}).json["detail"]
    assert desk.shop.rows(mapping_edits) == []
    seen_then = first.json["seen"]
    taken = editor.post("mapping", {"document": TEXT, "seen": seen_then})
    assert taken.status_code == 200 and taken.json["seen"] == editor.get("mapping").json["seen"]
    line, made = office.lines(desk.shop.id)
    assert (line.act, made.act) == ("mapping.change", "api_key.create") and line.actor.startswith("api-key:")
    late = editor.post("mapping", {"document": "", "seen": seen_then})
    assert late.status_code == 409 and len(desk.shop.rows(mapping_edits)) == 1
    assert "seen" in str(editor.post("mapping", {"document": ""}).json), "nobody overwrites what they have not read"
    assert program(office, desk, "support").post("mapping/check", {"document": TEXT}).status_code == 403


@pytest.mark.parametrize("agreed", [False, True])
def test_brevo_gets_the_attributes_of_what_is_taken_and_of_nothing_else(
    office: Office, monkeypatch: pytest.MonkeyPatch, agreed: bool
) -> None:
    """Whichever way the account was connected, and nothing is made there for an edit that comes too late."""
    (desk,) = office.desks
    asked: list[object] = []

    def ensure(account: object, wanted: object) -> attributes.Ensured:
        asked.append(wanted)
        return attributes.Ensured((), ())

    monkeypatch.setattr(attributes, "ensure", ensure)
    if agreed:
        access, deps = Access(Grant("token", (), 3600.0, "renewal")), office.installation.deps
        with office.transaction() as connection:
            keep(connection, deps.secrets, desk.shop.id, access, deps.clock.wire())
    editor = program(office, desk, "editor")
    first = editor.get("mapping").json["seen"]
    assert editor.post("mapping", {"document": TEXT, "seen": first}).status_code == 200 and len(asked) == 1
    assert editor.post("mapping", {"document": "", "seen": first}).status_code == 409 and len(asked) == 1
