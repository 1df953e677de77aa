"""A code besides the password: set up with proof, asked for, good once, recovered from, and taken off."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pyotp
import pytest
from click.testing import CliRunner

from connector.admin import access, accounts, second_factor
from connector.app import create_app
from connector.cli.staff import staff as command
from connector.models.staff import staff, staff_recovery_codes
from tests.admin.office import PASSWORD, Browser, Office
from tests.admin.test_signing_in import Guessing
from tests.content.mailbox import visible_text

CODE, CONFIRM, ACCOUNT = "/admin/sign-in/code", "/admin/confirm", "/admin/account"


@dataclass
class Phone:
    """An authenticator app that was shown the secret."""

    office: Office
    secret: str

    def code(self, later: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.office.installation.clock.machine().timestamp() + later)


def set_up(office: Office, browser: Browser) -> tuple[Phone, list[str]]:
    """Through the pages; the app and the recovery codes."""
    page = browser.post(f"{ACCOUNT}/second-factor")
    assert page.status_code == 200 and 'class="qr"' in page.text
    (shown,) = re.findall(r"<code[^>]*>([A-Z2-7 ]+)</code>", page.text)
    phone = Phone(office, shown.replace(" ", ""))
    done = browser.post(f"{ACCOUNT}/finish-second-factor", code=phone.code())
    assert done.status_code == 200, done.text
    codes = re.findall(r"<code>([a-z2-7-]+)</code>", done.text)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    return phone, codes


@pytest.fixture(autouse=True)
def _held(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes change while nobody looks. Passwords cost nothing: it is not them that is looked at."""
    office.installation.clock.hold()
    Guessing(office, monkeypatch)


def test_the_password_alone_opens_nothing_and_a_code_is_good_once(office: Office) -> None:
    email = office.hire("owner")
    mine, other = office.browser(email), office.browser(email)
    phone, _ = set_up(office, mine)
    # Who was signed in as them has not shown a code; the one who set it up has.
    assert other.get(ACCOUNT).status_code == 303 and mine.get(ACCOUNT).status_code == 200
    assert phone.secret not in str(office.installation.deps.engine) and not seen_in_database(office, phone.secret)
    office.installation.skip(60)
    browser = office.browser()
    half = browser.sign_in(email, next=f"{office.desks[0].path}/")
    assert half.status_code == 303 and half.location.startswith(f"{CODE}?next=")
    for path in ("/admin/", ACCOUNT, f"{office.desks[0].path}/"):
        assert browser.get(path).location.startswith("/admin/sign-in"), path
    code = phone.code()
    assert browser.post(CODE, code="000000" if code != "000000" else "000001").status_code == 401
    inside = browser.post(CODE, code=code, next=f"{office.desks[0].path}/")
    assert inside.location == f"{office.desks[0].path}/" and browser.get("/admin/").status_code == 200
    # Whoever looked over the shoulder has half a minute, and it does not help.
    second = office.browser()
    second.sign_in(email)
    assert second.post(CODE, code=code).status_code == 401
    assert second.post(CODE, code=phone.code(later=30)).status_code == 303
    begun = [line.detail for line in office.lines() if line.act == "session.begin"]
    assert begun[:2] == [{"second_factor": "code"}] * 2


def seen_in_database(office: Office, text: str) -> bool:
    with office.transaction() as connection:
        rows = [*connection.execute(staff.select()), *connection.execute(staff_recovery_codes.select())]
    return any(text in str(row) for row in rows)


def test_a_recovery_code_works_once_and_new_ones_end_the_old(office: Office) -> None:
    email = office.hire("editor")
    mine = office.browser(email)
    phone, codes = set_up(office, mine)
    assert not any(seen_in_database(office, code.replace("-", "")) for code in codes)
    for code, status in ((codes[0].upper().replace("-", " "), 303), (codes[0], 401), (codes[1], 303)):
        browser = office.browser()
        browser.sign_in(email)
        assert browser.post(CODE, code=code).status_code == status
    assert ">8<" in mine.get(ACCOUNT).text
    office.installation.skip(60)
    renewed = mine.post(f"{ACCOUNT}/renew-recovery-codes", code=phone.code())
    assert renewed.status_code == 200 and codes[2] not in renewed.text
    browser = office.browser()
    browser.sign_in(email)
    assert browser.post(CODE, code=codes[2]).status_code == 401


def test_it_is_set_up_and_taken_off_with_proof_only(office: Office) -> None:
    email = office.hire("support")
    mine = office.browser(email)
    mine.post(f"{ACCOUNT}/second-factor")
    assert mine.post(f"{ACCOUNT}/finish-second-factor", code="123").status_code == 422
    with office.transaction() as connection:
        account = accounts.find(connection, email)
    assert account is not None and not account.second_factor
    phone, codes = set_up(office, mine)
    for act in ("second-factor", "finish-second-factor"):
        refused = mine.post(f"{ACCOUNT}/{act}", **({"code": phone.code()} if act != "second-factor" else {}))
        assert refused.status_code == 422 and "already" in refused.text
    # The code with which it was set up has been used.
    assert mine.post(f"{ACCOUNT}/drop-second-factor", code=phone.code()).status_code == 422
    assert mine.post(f"{ACCOUNT}/drop-second-factor", code=codes[0]).status_code == 303
    assert office.browser().sign_in(email).location == "/admin/"
    acts = [line.act for line in office.lines() if line.act.startswith("second_factor")]
    assert acts == ["second_factor.drop", "second_factor.set"]


def test_half_way_in_ends_by_time_by_another_password_and_by_guessing(office: Office) -> None:
    email = office.hire("owner")
    phone, _ = set_up(office, office.browser(email))
    guessing, late, changed = office.browser(), office.browser(), office.browser()
    for browser in (guessing, late):
        browser.sign_in(email)
    assert [guessing.post(CODE, code="000000").status_code for _ in range(8)] == [401] * 6 + [429] * 2
    office.installation.skip(301)
    assert late.post(CODE, code=phone.code(), headers={"X-Forwarded-For": "1.2.3.4"}).status_code in (303, 429)
    assert late.get("/admin/").status_code == 303
    changed.sign_in(email)
    with office.transaction() as connection:
        account = accounts.find(connection, email)
        assert account is not None
        accounts.change_password(connection, account, "another long password", actor="cli", now=office.installation.now)
    assert changed.get(CODE).location.startswith("/admin/sign-in")


def test_an_installation_may_ask_all_staff_for_one(office: Office) -> None:
    deps = office.installation.deps
    settings = replace(deps.settings, admin_require_second_factor=True)
    asking = Office(office.installation, office.desks)
    asking.__dict__["app"] = create_app(settings, deps.engine, deps.redis, deps=replace(deps, settings=settings))
    email = office.hire("owner")
    browser = asking.browser(email)
    pages = ("/admin/", f"{office.desks[0].path}/", f"{office.desks[0].path}/people")
    assert [browser.get(page).location for page in pages] == [f"{ACCOUNT}?note=second_factor_needed"] * 3
    assert browser.post(f"{office.desks[0].path}/channels/email/resume").location.startswith(ACCOUNT)
    assert "asks all staff" in visible_text(browser.get(ACCOUNT).text)
    set_up(asking, browser)
    assert [browser.get(page).status_code for page in pages] == [200] * 3
    # The control: without the setting nobody is led away.
    assert office.browser(office.hire("editor")).get("/admin/").status_code == 200


def test_who_has_lost_everything_is_helped_by_an_owner_or_on_the_command_line(office: Office) -> None:
    lost, email = office.hire("support"), office.hire("owner")
    phone, _ = set_up(office, office.browser(lost))
    with office.transaction() as connection:
        account = accounts.find(connection, lost)
    assert account is not None
    path = f"/admin/staff/{account.id}/reset-second-factor"
    some = office.browser(office.hire("owner", [office.desks[0].shop.id], "some@office.example"))
    assert some.post(path).status_code == 404
    assert office.browser(office.hire("editor")).post(path).status_code == 403
    owner = office.browser(email)
    assert owner.post(path).status_code == 303
    assert office.browser().sign_in(lost).location == "/admin/"
    mine = office.browser(lost)
    set_up(office, mine)
    done = CliRunner().invoke(command, ["reset-second-factor", lost], obj=office.installation.deps.settings)
    assert done.exit_code == 0 and "password alone" in done.stdout
    assert mine.get("/admin/").status_code == 303 and office.browser().sign_in(lost).location == "/admin/"
    assert phone.secret


def test_what_cannot_be_taken_back_asks_again_who_it_is(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "FRESH", frozenset({"admin.resume_channel"}))
    email, act = office.hire("owner"), f"{office.desks[0].path}/channels/email/resume"
    page = f"{office.desks[0].path}/standing"
    browser = office.browser(email)
    phone, _ = set_up(office, browser)
    # Just now it was them.
    assert "note=resumed" in browser.post(act).location
    office.installation.skip(16 * 60)
    asked = browser.post(act, headers={"Referer": f"http://localhost{page}", "Origin": "http://localhost"})
    assert asked.location == f"{CONFIRM}?next={page}" and browser.get(page).status_code == 200
    assert browser.post(CONFIRM, password="wrong", code=phone.code(), next=page).status_code == 401
    assert browser.post(CONFIRM, password=PASSWORD, code="0", next=page).status_code == 401
    assert browser.post(act).location.startswith(CONFIRM)
    assert browser.post(CONFIRM, password=PASSWORD, code=phone.code(), next=page).location == f"{page}?note=proven"
    # It is asked for now, and there is nothing left to resume.
    assert browser.post(act).status_code == 404
    assert browser.post(CONFIRM, password=PASSWORD, code=phone.code(30), next="//evil.example").location == (
        "/admin/?note=proven"
    )
