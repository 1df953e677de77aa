"""Staff in the admin: links that invite, roles, who is left, and who may not change whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from argon2 import PasswordHasher
from werkzeug.test import TestResponse

from connector import audit
from connector.admin import accounts, revision, staffing
from connector.admin.access import OWNER, Visitor
from connector.admin.acts import staff as acts
from connector.api import keys
from connector.errors import InvalidInput
from connector.models.staff import staff, staff_sessions
from tests.admin import office as furniture
from tests.admin.office import PASSWORD, Browser, Desk, Office


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time: many people sign in here."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", hasher)
    monkeypatch.setattr(furniture, "_HASH", hasher.hash(PASSWORD))


def link(page: str) -> str:
    found = re.search(r'id="link" readonly value="[^"]*(/admin/invitation/[^"]+)"', page)
    assert found, page
    return found[1]


def change(
    office: Office, browser: Browser, desk: Desk, staff_id: int, seen: str | None = None, **form: Any
) -> TestResponse:
    """What is answered to the form that changes an account, opened a moment ago or when ``seen`` was."""
    with office.transaction() as connection:
        account = accounts.load(connection, staff_id)
    assert account is not None
    form["seen"] = acts.seen_of(account) if seen is None else seen
    return browser.post(f"{desk.path}/staff/{staff_id}", **form)


def owner_of(office: Office, desk: Desk) -> Browser:
    """An owner of this shop only, who has signed in."""
    return office.browser(office.hire("owner", [desk.shop.id], f"owner{desk.shop.id}@office.example"))


def test_a_link_makes_one_account_once_and_for_a_day(office: Office) -> None:
    (mine, theirs) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/staff"
    assert "Nobody signs in" not in owner.get(path).text
    made = owner.post(path, email="New@Office.example ", role="support")
    way, guest = link(made.text), office.browser()
    assert "new@office.example" in owner.get(path).text and link(made.text) not in owner.get(path).text
    welcome = guest.get(way)
    assert welcome.status_code == 200 and "new@office.example" in welcome.text and "no-store" in str(welcome.headers)
    for wrong in ({"password": "short", "again": "short"}, {"password": PASSWORD, "again": "another"}):
        assert guest.post(way, **wrong).status_code == 422
    assert guest.post(way, proof=False, password=PASSWORD, again=PASSWORD).status_code == 403
    done = guest.post(way, password=PASSWORD, again=PASSWORD)
    assert done.status_code == 303 and "Sign in with it" in guest.get(done.location).text
    assert guest.sign_in("new@office.example").status_code == 303
    assert guest.get(f"{mine.path}/people").status_code == 200 and guest.get(f"{theirs.path}/people").status_code == 404
    # It was followed, and a new one ends the one before.
    assert guest.get(way).status_code == 404 and guest.post(way, password=PASSWORD, again=PASSWORD).status_code == 404
    assert owner.post(path, email="new@office.example", role="support").status_code == 422
    first = link(owner.post(path, email="late@office.example", role="support").text)
    second = link(owner.post(path, email="late@office.example", role="support").text)
    assert guest.get(first).status_code == 404 and guest.get(second).status_code == 200
    office.installation.skip(24 * 3600 + 1)
    assert guest.get(second).status_code == 404
    lines = office.lines(mine.shop.id)
    assert [line.act for line in lines] == ["staff.invite"] * 3 and "@" not in str(lines)
    assert "staff.add" in [line.act for line in office.lines(audit.INSTALLATION)]


def test_an_owner_changes_only_whose_shops_are_all_theirs(office: Office) -> None:
    (mine, theirs) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/staff"
    boss, both = office.hire("owner", email="boss@office.example"), office.hire(
        "support", [mine.shop.id, theirs.shop.id], "both@office.example"
    )  # fmt: skip
    ids = _ids(office)
    assert owner.post(path, email="all@office.example", role="owner", shops="everywhere").status_code == 422
    for email in (boss, both):
        assert change(office, owner, mine, ids[email], role="read-only").status_code == 422
        assert owner.post(f"{path}/{ids[email]}/sessions").status_code == 422
        assert owner.post(f"{path}/{ids[email]}/password").status_code == 422
    assert owner.post(f"{path}/{ids[boss]}/remove").status_code == 422
    assert change(office, owner, mine, ids[boss], role="owner", shops="everywhere").status_code == 422
    # Their own shop they take away from anybody; the other one stays.
    assert owner.post(f"{path}/{ids[both]}/remove").status_code == 303
    assert office.browser(both).get(f"{theirs.path}/people").status_code == 200
    assert office.browser(both).get(f"{mine.path}/people").status_code == 404
    assert owner.post(f"{path}/{ids[both]}/remove").status_code == 404
    # Whoever has every shop may do all of it.
    chief = office.browser(boss)
    assert change(office, chief, mine, mine.colleague, role="editor", shops="everywhere").status_code == 303
    with office.transaction() as connection:
        account = staffing.find(connection, theirs.shop.id, mine.colleague)
    assert (account.role, account.shop_ids) == ("editor", None)
    assert [line.act for line in office.lines(mine.shop.id)] == ["staff.change", "staff.leave"]


def test_somebody_is_given_several_shops_and_others_later(office: Office) -> None:
    (mine, theirs) = office.desks
    both = office.hire("owner", [mine.shop.id, theirs.shop.id], "both@office.example")
    owner, path = office.browser(both), f"{mine.path}/staff"
    chosen = {"shops": "chosen", "shop_ids": [str(mine.shop.id), str(theirs.shop.id)]}
    page = owner.get(path).text
    assert page.count('name="shop_ids"') >= 4 and 'value="everywhere"' not in page
    for wrong in ({"shops": "chosen"}, {"shops": "chosen", "shop_ids": ["99999"]}, {**chosen, "shops": "everywhere"}):
        assert owner.post(path, email="new@office.example", role="editor", **wrong).status_code == 422
    way, guest = link(owner.post(path, email="new@office.example", role="editor", **chosen).text), office.browser()
    assert guest.post(way, password=PASSWORD, again=PASSWORD).status_code == 303
    guest.sign_in("new@office.example")
    assert [guest.get(f"{one.path}/people").status_code for one in office.desks] == [200, 200]
    # Who owns one of the two only sees that there is another, and takes away their own only.
    single = owner_of(office, mine)
    assert "that you do not see" in single.get(path).text
    strange = [single.post(path, email="x@office.example", role="editor", shops="chosen", shop_ids=[str(one)]).text
               for one in (theirs.shop.id, 99999)]  # fmt: skip
    assert f"There is no shop {theirs.shop.id}." in strange[0] and "There is no shop 99999." in strange[1]
    number = _ids(office)["new@office.example"]
    mine_only = {"shops": "chosen", "shop_ids": [str(mine.shop.id)]}
    assert change(office, single, mine, number, role="editor", **mine_only).status_code == 422
    here = {"shops": "chosen", "shop_ids": [str(theirs.shop.id)]}
    assert change(office, owner, mine, number, role="support", **here).status_code == 303
    assert [guest.get(f"{one.path}/people").status_code for one in office.desks] == [404, 200]
    assert change(office, owner, mine, number, role="support", **here).status_code == 404
    told = [[(line.act, line.detail) for line in office.lines(desk.shop.id)] for desk in office.desks]
    changed = {"role before": "editor", "role": "support", "shops": "1"}
    invited = ("staff.invite", {"role": "editor", "shops": "2"})
    assert told[0] == [("staff.change", {**changed, "enters": False}), invited]
    # With another role they may do other things there, too.
    assert told[1] == [("staff.change", {**changed, "enters": True}), invited]
    # An owner of both may leave neither without another.
    last = change(office, owner, theirs, _ids(office)[both], role="owner", **mine_only)
    assert last.status_code == 422 and "last owner" in last.text
    owner_of(office, theirs)
    assert change(office, owner, theirs, _ids(office)[both], role="owner", **mine_only).status_code == 303
    assert owner.get(f"{theirs.path}/people").status_code == 404


def test_of_two_who_change_one_account_the_second_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, _) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/staff"
    page = owner.get(path).text
    (seen,) = re.findall(rf'staff/{mine.colleague}" class="fields">.*?name="seen" value="(\w+)"', page, re.DOTALL)
    assert owner.post(f"{path}/{mine.colleague}", role="editor").status_code == 422, "of nothing seen"
    assert change(office, owner, mine, mine.colleague, seen, role="editor").status_code == 303
    late = change(office, owner, mine, mine.colleague, seen, role="support")
    assert late.status_code == 409 and "Somebody has changed this" in late.text

    def role() -> str:
        with office.transaction() as connection:
            return staffing.find(connection, mine.shop.id, mine.colleague).role

    assert role() == "editor"
    # The control: without the look the first would never know.
    monkeypatch.setattr(revision, "check", lambda document, seen: None)
    assert change(office, owner, mine, mine.colleague, seen, role="support").status_code == 303 and role() == "support"


def _ids(office: Office) -> dict[str, int]:
    with office.transaction() as connection:
        return {row.email: row.id for row in connection.execute(staff.select())}


def test_a_role_holds_at_once_and_sessions_can_be_ended(office: Office) -> None:
    (mine, _) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/staff"
    email = office.hire("editor", [mine.shop.id], "ed@office.example")
    editor, number = office.browser(email), _ids(office)[email]
    form = {"document": "attributes: {CITY: null}", "seen": "x"}
    assert editor.post(f"{mine.path}/mapping/check", **form).status_code == 200
    assert change(office, owner, mine, number, role="read-only").status_code == 303
    assert editor.post(f"{mine.path}/mapping/check", **form).status_code == 403
    assert owner.post(f"{path}/{number}/sessions").status_code == 303
    assert editor.get(f"{mine.path}/people").status_code == 303
    # A link for a new password ends sessions too, and the old password.
    again = office.browser(email)
    way = link(owner.post(f"{path}/{number}/password").text)
    guest = office.browser()
    assert guest.post(way, password="another long password", again="another long password").status_code == 303
    assert again.get(f"{mine.path}/people").status_code == 303
    assert guest.sign_in(email).status_code == 401 and guest.sign_in(email, "another long password").status_code == 303
    assert owner.post(f"{path}/{number}/remove").status_code == 303
    assert guest.get(f"{mine.path}/people").status_code == 303 and number not in _ids(office).values()
    with office.transaction() as connection:
        assert connection.execute(staff_sessions.select().where(staff_sessions.c.staff_id == number)).all() == []


def test_the_last_owner_stays(office: Office) -> None:
    (mine, theirs) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/staff"
    number = _ids(office)[f"owner{mine.shop.id}@office.example"]
    # One of the other shop is none of this one.
    owner_of(office, theirs)
    for answer in (owner.post(f"{path}/{number}/remove"), change(office, owner, mine, number, role="editor")):
        assert answer.status_code == 422 and "last owner" in answer.text
    # What whoever leaves has given away ends with them.
    way = link(owner.post(path, email="new@office.example", role="owner").text)
    office.hire("owner", email="boss@office.example")
    assert change(office, owner, mine, number, role="editor").status_code == 303
    assert office.browser().get(way).status_code == 404
    # The broken control: without the rule nobody would be left who may change anybody.
    with office.transaction() as connection:
        boss = staffing.find(connection, mine.shop.id, _ids(office)["boss@office.example"])
        with pytest.raises(InvalidInput, match="last owner"):
            staffing.change(connection, Visitor(boss.actor, boss.email, OWNER, None), boss, "editor", None)


def opens(office: Office, key: str) -> bool:
    """Whether the events API lets this key in."""
    with office.transaction() as connection:
        return keys.presented(connection, key, office.installation.now) is not None


def test_keys_are_shown_once_and_let_nobody_in_when_they_are_revoked(office: Office) -> None:
    (mine, theirs) = office.desks
    owner, path = owner_of(office, mine), f"{mine.path}/keys"
    shown = owner.post(path, name="Help <b>desk").text
    key = re.search(rf'value="(sk_{mine.shop.id}_[0-9a-f]{{48}})"', shown)
    assert key and key[1] not in owner.get(path).text and "Help &lt;b&gt;desk" in owner.get(path).text
    assert opens(office, key[1])
    number = max(int(one) for one in re.findall(r"/keys/(\d+)/revoke", owner.get(path).text))
    assert owner.post(f"{path}/{number}/revoke").status_code == 303
    assert not opens(office, key[1])
    assert owner.post(f"{path}/{number}/revoke").status_code == 404
    admin = owner.post(path, name="Robot", kind="support").text
    assert re.search(rf'value="ak_{mine.shop.id}_', admin) and "act as support" in admin
    assert owner.post(path, name="Robot", kind="emperor").status_code == 422
    assert [line.act for line in office.lines(mine.shop.id)] == [
        "api_key.create", "api_key.revoke", "api_key.create",
    ]  # fmt: skip
    assert office.lines(theirs.shop.id) == []


def test_the_audit_log_is_filtered_paged_and_taken_along(office: Office) -> None:
    (mine, theirs), at = office.desks, office.installation.now
    with office.transaction() as connection:
        for n in range(120):
            act, actor = ("person.reveal", "staff:1") if n % 3 == 0 else ("sync.start", "cli")
            audit.record(
                connection, shop_id=mine.shop.id, actor=actor, act=act, object_kind=act.partition(".")[0], object_id=n,
                detail={"note": "=ann@example.com"} if n == 0 else {}, now=at,
            )  # fmt: skip
        audit.record(
            connection, shop_id=theirs.shop.id, actor="cli", act="mapping.change", object_kind="mapping", object_id=1,
            now=at,
        )  # fmt: skip
        assert audit.known(connection, mine.shop.id, "act") == ["person.reveal", "sync.start"]
        assert audit.known(connection, theirs.shop.id, "object_kind") == ["mapping"]
    support = office.browser(office.hire("support", [mine.shop.id]))
    path, shown, pages = f"{mine.path}/audit?act=person.reveal", [], 0
    while path:
        page = support.get(path).text
        shown += re.findall(r'data-name="Object" class="break">person (\d+)<', page)
        assert "Changed the mapping" not in page and 'data-name="What">Started a sync' not in page
        assert 'data-name="What">Looked at somebody' in page and 'data-name="What">person.' not in page
        following, pages = re.search(r'rel="next" href="([^"]+)"', page), pages + 1
        path = following[1].replace("&amp;", "&") if following else ""
        assert pages < 5
    assert shown == [str(n) for n in range(117, -1, -3)]
    one = support.get(f"{mine.path}/audit?object_kind=sync&object_id=4").text
    assert re.findall(r'class="break">sync (\d+)<', one) == ["4"]
    assert "No line is like that" in support.get(f"{mine.path}/audit?actor=staff:99").text
    table = support.get(f"{mine.path}/audit.csv?actor=staff:1")
    assert table.mimetype == "text/csv" and "attachment" in table.headers["Content-Disposition"]
    lines = table.text.splitlines()
    assert lines[0].startswith("time,who") and len(lines) == 41
    assert "ann@example.com" not in table.text and "a•••@e•••.com" in table.text
    assert len(support.get(f"{mine.path}/audit.csv").text.splitlines()) == 121
