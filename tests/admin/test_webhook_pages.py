"""Webhooks in the admin: from adding an address to removing it, by pages and by a key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.models.outgoing import webhook_deliveries, webhook_endpoints
from flows.core.vocabulary import EVENTS
from sync.outgoing import endpoints
from tests.adapters.servers import answer
from tests.admin.office import APP_KEY, APP_SECRET, Desk, Office, staffed
from tests.admin.programs import program
from tests.content.mailbox import visible_text
from tests.engine.installation import Installation, installation
from tests.sync.outgoing.receiver import receiving

_SECRET = re.compile(r'value="(whsec_[^"]+)"')


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    """As it may tell servers of the test."""
    app = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET, "merchant_url_loopback": True}
    with installation(database_url, redis_url, tmp_path, **app) as made:
        yield made


def rows(desk: Desk) -> list[object]:
    return [row for row in desk.shop.rows(webhook_endpoints) if row.id != desk.endpoint]


def test_an_address_from_its_beginning_to_its_end(office: Office) -> None:
    (mine, theirs) = office.desks
    owner = office.browser(staffed(office)["owner"])
    page = f"{mine.path}/webhooks"
    refused = owner.post(page, url="http://erp.example/", events="order_placed")
    assert refused.status_code == 422 and "only https" in refused.text and rows(mine) == []
    # What was entered is still there.
    assert 'value="http://erp.example/"' in refused.text and 'value="order_placed" selected' in refused.text
    with receiving() as merchant:
        added = owner.post(
            page, url=merchant.url, events=["order_placed", "order_shipped"], own_events="visit", name="crm"
        )
        assert added.status_code == 200, added.text
        (secret,) = _SECRET.findall(added.text)
        (row,) = mine.shop.rows(webhook_endpoints)[-1:]
        assert (row.url, row.name, row.state) == (merchant.url, "crm", "active")
        assert row.events == ["custom:visit", "order_placed", "order_shipped"] and not row.include_person
        one = f"{page}/{row.id}"
        shown = owner.get(one).text
        # Once only, and nowhere else; sealed where it is kept.
        assert secret not in shown + owner.get(page).text + str(office.lines(mine.shop.id)) + row.secret
        assert "your own event" in visible_text(shown)
        tested = visible_text(owner.post(f"{one}/test").text)
        assert "The test arrived: it was answered with 204" in tested and merchant.told[0].body["type"] == "test"
        merchant.answers[:] = [answer("500 Internal Server Error", b"out of paper")]
        failed = visible_text(owner.post(f"{one}/test").text)
        assert "did not arrive" in failed and "out of paper" in failed
        (newer,) = _SECRET.findall(owner.post(f"{one}/secret").text)
        assert newer != secret and newer not in owner.get(one).text
        assert owner.post(f"{one}/disable").status_code == 303
        assert "staff switched it off" in owner.get(one).text
        # Once more changes nothing and leaves no line.
        before = len(office.lines(mine.shop.id))
        assert owner.post(f"{one}/disable").status_code == 303 and len(office.lines(mine.shop.id)) == before
        switched = owner.post(f"{one}/enable")
        assert (
            "told again" in owner.get(switched.location).text and mine.shop.rows(webhook_endpoints)[-1].reason is None
        )
        gone = owner.post(f"{one}/remove")
        assert "is forgotten" in owner.get(gone.location).text and owner.get(one).status_code == 404
    acts = [line.act.removeprefix("webhook.") for line in reversed(office.lines(mine.shop.id))]
    assert acts == ["add", "test", "test", "rotate", "disable", "enable", "remove"]
    assert office.lines(theirs.shop.id) == []


def test_the_second_of_two_who_name_one_is_told(office: Office) -> None:
    (mine, _) = office.desks
    owner = office.browser(staffed(office)["owner"])
    one = f"{mine.path}/webhooks/{mine.endpoint}"
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', owner.get(one).text)
    wrong = owner.post(f"{one}/name", name="No Name", seen=seen)
    assert wrong.status_code == 422 and "small letters" in wrong.text
    assert owner.post(f"{one}/name", name="crm", seen=seen).status_code == 303
    assert owner.post(f"{one}/name", name="erp", seen=seen).status_code == 409
    assert mine.shop.one(webhook_endpoints).name == "crm"


def test_what_waits_is_counted_up_to_a_bound(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, _) = office.desks
    for desk in office.desks:
        desk.shop.change(webhook_deliveries, {"state": "due"})
    reader = program(office, mine, "read-only")
    assert [row["due"] for row in reader.get("webhooks").json["rows"]] == [1]
    monkeypatch.setattr(endpoints, "COUNTED", 1)
    page = office.browser(staffed(office)["read-only"]).get(f"{mine.path}/webhooks").text
    assert "1 or more" in visible_text(page)
    monkeypatch.setattr(endpoints, "COUNTED", 0)
    assert [row["due"] for row in reader.get("webhooks").json["rows"]] == [0], "the control: the bound holds"


def test_only_owners_change_where_things_are_told(office: Office) -> None:
    (mine, _) = office.desks
    emails, before = staffed(office), mine.shop.rows(webhook_endpoints)
    editor = office.browser(emails["editor"])
    page = f"{mine.path}/webhooks"
    shown = editor.get(page).text + editor.get(f"{page}/{mine.endpoint}").text
    for path in ("", *(f"/{mine.endpoint}/{act}" for act in ("name", "secret", "test", "enable", "disable", "remove"))):
        assert editor.post(page + path, url="https://erp.example/").status_code == 403, path
        assert f'action="{page}{path}"' not in shown
    assert mine.shop.rows(webhook_endpoints) == before
    # The control: an owner is shown each of them.
    owner = office.browser(emails["owner"])
    assert f'action="{page}"' in owner.get(page).text
    assert f'action="{page}/{mine.endpoint}/secret"' in owner.get(f"{page}/{mine.endpoint}").text
    # Every event that there is can be chosen.
    offered = owner.get(page).text
    assert all(f'<option value="{name}"' in offered for name in EVENTS)


def test_a_program_adds_and_tries_one(office: Office) -> None:
    (mine, _) = office.desks
    owner = program(office, mine, "owner")
    with receiving() as merchant:
        made = owner.post("webhooks", {"url": merchant.url, "events": ["order_placed"], "include_person": True})
        assert made.status_code == 200 and made.json["secret"].startswith("whsec_"), made.text
        one = f"webhooks/{made.json['endpoint']}"
        assert owner.post(f"{one}/test").json["status"] == 204
        told = owner.get(one)
        assert "whsec_" not in told.text and told.json["include_person"] is True
        named = owner.post(f"{one}/name", {"name": "crm", "seen": told.json["seen"]})
        assert named.status_code == 200 and owner.get(one).json["name"] == "crm"
    unknown = owner.post("webhooks", {"url": "https://erp.example/", "events": ["order_plaiced"]})
    assert unknown.status_code == 422 and "order_plaiced" in unknown.json["detail"]
    assert program(office, mine, "editor").post(f"{one}/remove").status_code == 403
