"""Forms from elsewhere, fields that no form has, and addresses that lead away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.admin.forms import HOME, safe_next
from tests.admin.office import Office
from tests.admin.routes import FORMS, address, rules, state


def changing(office: Office) -> Iterator[tuple[str, dict[str, Any]]]:
    (mine, _) = office.desks
    for rule, method in rules(office):
        if method != "GET" and rule.endpoint != "admin.sign_out":
            yield address(office, rule, mine, mine), FORMS.get(rule.endpoint, lambda _: {})(mine)


@pytest.mark.parametrize(
    ("proof", "headers"),
    [
        (False, {}),
        (True, {"Origin": "https://evil.example"}),
        (True, {"Origin": "null"}),
        (True, {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}),
        (True, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_that_is_not_ours_is_refused(office: Office, proof: bool, headers: dict[str, str]) -> None:
    browser = office.browser(office.hire("owner"))
    before, asked = state(office), list(changing(office))
    assert len(asked) > 10
    for path, fields in asked:
        assert browser.post(path, proof=proof, headers=headers, **fields).status_code == 403, path
    assert state(office) == before


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://shop.example"}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}],
)
def test_a_form_of_ours_is_taken(office: Office, headers: dict[str, str]) -> None:
    """The control: it is the token and the origin that the refusals are about."""
    browser = office.browser(office.hire("owner"))
    (mine, _) = office.desks
    answer = browser.post(f"{mine.path}/channels/email/resume", headers=headers)
    assert answer.status_code == 303


def test_a_token_of_another_visitor_is_none(office: Office) -> None:
    mine, other = office.browser(office.hire("owner")), office.browser(office.hire("editor"))
    answer = mine.post(f"{office.desks[0].path}/channels/email/resume", proof=False, csrf_token=other.token())
    assert answer.status_code == 403


def test_fields_that_the_form_does_not_have_are_refused(office: Office) -> None:
    browser, (mine, theirs) = office.browser(office.hire("owner")), office.desks
    before = state(office)
    for extra in ({"shop_id": theirs.shop.id}, {"role": "owner"}, {"is_admin": "1"}, {"by": "cli"}):
        for path, fields in changing(office):
            # Who comes in, or proves who they are, is asked for nothing that is kept. Some forms are about a role.
            coming_in = path.startswith(("/admin/sign-in", "/admin/confirm", "/admin/invitation"))
            if not coming_in and not set(extra) & set(fields):
                assert browser.post(path, **fields, **extra).status_code == 422, path
    assert state(office) == before
    assert mine.shop.id != theirs.shop.id


AWAY = [
    "//evil.example", "https://evil.example", "https:evil.example", "/\\evil.example", "\\\\evil.example",
    "///evil.example",
    "/admin//evil.example", "/admin/../../evil", "javascript:alert(1)", "/admin/\r\nSet-Cookie: a=b", "/admin\t/",
    " /admin/",
    "/administrator", "/u/x", "", "http://shop.example/admin/", "/admin/%0d%0aX: y\n",
]  # fmt: skip


@pytest.mark.parametrize("target", AWAY)
def test_signing_in_leads_nowhere_else(target: str) -> None:
    assert safe_next(target) == HOME


def test_signing_in_leads_to_the_page_that_was_asked_for(office: Office) -> None:
    page = f"{office.desks[0].path}/people?q=bell"
    browser, email = office.browser(), office.hire("owner")
    asked = browser.get(page)
    assert asked.status_code == 303 and asked.location.startswith("/admin/sign-in?next=/admin/shops")
    assert browser.sign_in(email, next=page).location == page
    # Not more of them: signing in is counted, whether it works or not.
    for target in AWAY[:4]:
        assert office.browser().sign_in(email, next=target).location == HOME
