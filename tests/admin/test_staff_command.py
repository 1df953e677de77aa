"""``connector staff``: accounts from the command line, and what they may then do."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from connector.admin import accounts
from connector.cli.staff import staff
from connector.models.staff import staff as staff_table
from tests.admin.office import PASSWORD, Office


def run(office: Office, *arguments: str, password: str = "") -> Result:
    more = ["--password-stdin"] if password else []
    return CliRunner().invoke(
        staff, [*arguments, *more], obj=office.installation.deps.settings, input=f"{password}\n" if password else None
    )


def test_somebody_is_let_in_given_another_password_and_shown_out(office: Office) -> None:
    (mine, theirs), email = office.desks, "New@Office.example"
    added = run(office, "add", email, "--role", "support", "--shop", mine.shop.shop.domain, password=PASSWORD)
    assert added.exit_code == 0, added.output
    assert "new@office.example may sign in at https://shop.example/admin/ as support of a.myshopify.com" in added.output
    browser = office.browser(email.lower())
    assert browser.get(f"{mine.path}/").status_code == 200
    assert browser.get(f"{theirs.path}/").status_code == 404
    assert "new@office.example  support  a.myshopify.com" in run(office, "list").output
    run(office, "password", email, password="another long password")
    assert browser.get(f"{mine.path}/").status_code == 303
    assert office.browser().sign_in(email, PASSWORD).status_code == 401
    assert office.browser().sign_in(email, "another long password").status_code == 303
    run(office, "remove", email)
    assert office.browser().sign_in(email, "another long password").status_code == 401
    assert [line.act for line in office.lines() if line.actor == "cli"] == [
        "staff.remove",
        "staff.password",
        "staff.add",
    ]
    assert "@" not in str([line.detail for line in office.lines()])


def test_the_password_is_kept_as_argon2id_only(office: Office) -> None:
    run(office, "add", "a@office.example", "--role", "owner", password=PASSWORD)
    with office.transaction() as connection:
        theirs = staff_table.select().where(staff_table.c.email == "a@office.example")
        (stored,) = connection.scalars(theirs.with_only_columns(staff_table.c.password_hash)).all()
    assert stored.startswith("$argon2id$") and PASSWORD not in stored
    assert accounts.is_right(stored, PASSWORD) and not accounts.is_right(stored, PASSWORD + "x")
    assert not accounts.is_right(None, "nobody has this password")


@pytest.mark.parametrize(
    ("arguments", "password", "says"),
    [
        (["add", "nobody", "--role", "owner"], PASSWORD, "no email address"),
        (["add", "a@b.example", "--role", "king"], PASSWORD, "'king' is not one of"),
        (["add", "a@b.example", "--role", "owner"], "short", "12 to 256"),
        (["add", "a@b.example", "--role", "owner", "--shop", "x.myshopify.com"], PASSWORD, "is not connected"),
        (["remove", "who@b.example"], "", "none of the staff"),
    ],
)
def test_what_cannot_be_is_said(office: Office, arguments: list[str], password: str, says: str) -> None:
    answer = run(office, *arguments, password=password)
    assert answer.exit_code != 0
    assert says in answer.output + str(answer.exception)
