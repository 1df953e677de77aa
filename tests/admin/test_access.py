"""Every route of the admin, asked by every role with another shop's objects and without the role: refused, and nothing
changes. The routes are those of the application, so a new one is asked too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.admin import access
from connector.admin.access import NOBODY, ROLES, ROUTES
from tests.admin.office import Browser, Office, staffed
from tests.admin.routes import FORMS, OBJECTS, address, ask, rules, state


def refused_asks(office: Office, role: str, browser: Browser) -> Iterator[tuple[str, str, int, set[int]]]:
    """(method, path, what was answered, what must be): another shop, another shop's objects here, too small a role."""
    mine, theirs = office.desks
    for rule, method in rules(office):
        least = ROUTES[rule.endpoint]
        if least == NOBODY or "shop_id" not in rule.arguments:
            continue
        form = FORMS.get(rule.endpoint, lambda _: {})
        enough = ROLES.index(role) >= ROLES.index(least)
        there = address(office, rule, theirs, theirs)
        yield method, there, ask(browser, method, there, form(theirs)), {404}
        here = address(office, rule, mine, mine)
        if not enough:
            yield method, here, ask(browser, method, here, form(mine)), {403}
        elif set(OBJECTS) & rule.arguments:
            mixed = address(office, rule, mine, theirs)
            yield method, mixed, ask(browser, method, mixed, form(theirs)), {404}
        if enough and "person" in form(theirs) or "conflict" in form(theirs):
            yield method, here, ask(browser, method, here, form(theirs)), {403, 404}


@pytest.mark.parametrize("role", ROLES)
def test_what_is_another_shops_or_takes_more_is_refused_and_nothing_changes(office: Office, role: str) -> None:
    browser = office.browser(staffed(office)[role])
    before = state(office)
    asked = list(refused_asks(office, role, browser))
    assert len(asked) > 25
    assert [(method, path, status) for method, path, status, allowed in asked if status not in allowed] == []
    assert {name for name, digest in state(office).items() if digest != before[name]} == set()


def test_without_signing_in_nothing_is_shown(office: Office) -> None:
    browser, before = office.browser(), state(office)
    (mine, _) = office.desks
    for rule, method in rules(office):
        if ROUTES[rule.endpoint] == NOBODY:
            continue
        answer = browser.client.open(address(office, rule, mine, mine), method=method)
        assert answer.status_code == (303 if method == "GET" else 403), rule
        assert "sign-in" in answer.headers.get("Location", "sign-in")
        # Not "bell" alone: the page has a nonce, in which any four letters may stand.
        assert not any(known in answer.text.lower() for known in ("ann.bell", "+4915"))
    assert state(office) == before


def test_the_first_shops_own_objects_are_shown_to_each_role(office: Office) -> None:
    """The control of the matrix: its refusals do not come from addresses that are wrong anyway."""
    (mine, _) = office.desks
    for role, email in staffed(office).items():
        browser = office.browser(email)
        for rule, method in rules(office):
            least = ROUTES[rule.endpoint]
            if method == "GET" and least != NOBODY and "shop_id" in rule.arguments:
                enough = ROLES.index(role) >= ROLES.index(least)
                path = address(office, rule, mine, mine)
                assert browser.get(path).status_code == (200 if enough else 403), (role, path)


@pytest.mark.long
def test_looking_up_without_the_shop_is_found_by_the_matrix(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken control: with a visitor who sees every shop's objects the same asks go through."""
    browser = office.browser(staffed(office)["owner"])
    monkeypatch.setattr(access.Visitor, "sees", lambda self, shop_id: True)
    wrong = [path for _, path, status, allowed in refused_asks(office, "owner", browser) if status not in allowed]
    assert len(wrong) > 10


def test_every_route_says_who_may_ask_it_and_none_is_named_that_is_not_there(office: Office) -> None:
    endpoints = {rule.endpoint for rule in office.app.url_map.iter_rules() if rule.rule.startswith("/admin/")}
    assert endpoints == set(ROUTES)
    assert set(ROUTES.values()) <= {NOBODY, *ROLES}
    assert {endpoint for endpoint, least in ROUTES.items() if least == NOBODY} == {
        "admin.static", "admin.sign_in", "admin.enter", "admin.second_factor", "admin.prove",
        "admin.invitation", "admin.accept_invitation",
    }  # fmt: skip
    posts = {rule.endpoint for rule, method in rules(office) if method != "GET"}
    # Who may only read changes nothing but how they sign in themselves.
    assert access.READ_ONLY not in {ROUTES[endpoint] for endpoint in posts - access.ONES_OWN}
    assert set(ROUTES) >= access.ONES_OWN | access.FRESH | access.IN_PERSON


def test_a_route_that_is_not_declared_cannot_be_reached(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = office.browser(office.hire("owner"))
    path = f"{office.desks[0].path}/people"
    assert browser.get(path).status_code == 200
    monkeypatch.setattr(access, "ROUTES", {name: least for name, least in ROUTES.items() if name != "admin.people"})
    assert browser.get(path).status_code == 404


def test_an_owner_of_some_shops_does_not_see_the_installation(office: Office) -> None:
    assert (
        office.browser(office.hire("owner", [office.desks[0].shop.id], "some@office.example"))
        .get("/admin/installation")
        .status_code
        == 404
    )
    assert office.browser(office.hire("owner")).get("/admin/installation").status_code == 200


def test_addresses_are_masked_for_support_and_revealing_them_is_noted(office: Office) -> None:
    (mine, _) = office.desks
    emails = staffed(office)
    page = f"{mine.path}/people/{mine.person}"
    whole = ("ann.bell1@example.com", "+49151234567001")
    for role in ("editor", "owner"):
        text_ = office.browser(emails[role]).get(page).text
        assert all(value in text_ for value in whole)
    support = office.browser(emails["support"])
    for browser in (support, office.browser(emails["read-only"])):
        for path in (page, f"{mine.path}/people?q=bell", f"{mine.path}/standing", f"{mine.path}/audit"):
            shown = browser.get(path).text
            assert not any(value in shown for value in whole), path
        assert "a•••@e•••.com" in browser.get(page).text
    assert office.lines(mine.shop.id) == []
    revealed = support.post(f"{page}/reveal").text
    assert all(value in revealed for value in whole)
    (line,) = office.lines(mine.shop.id)
    assert (line.act, line.object_id) == ("person.reveal", str(mine.person))
    assert not any(value in support.get(page).text for value in whole)
