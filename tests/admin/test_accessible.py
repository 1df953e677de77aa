"""Every page for everybody: nothing that axe knows of WCAG 2.2 AA, in light and dark, on a desk and on a phone, and
with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from tests.admin.every_page import (
    MAKING,
    NARROW,
    OUTSIDE,
    PRESSED,
    REFUSED,
    SUPPORTING,
    WIDE,
    Fault,
    Look,
    Window,
    against_good_practice,
    come_in,
    pages,
    press,
    too_wide,
    unaccessible,
    unreached,
    walk,
)
from tests.admin.office import Office
from tests.admin.test_session_tokens import signed
from tests.browser import chromium

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def listed(faults: Iterable[Fault]) -> str:
    return "\n".join(str(fault) for fault in faults)


def shown(
    office: Office, chromium: Chromium, dark: bool, viewport: Mapping[str, int], *looks: Look, objects: bool = True
) -> list[Fault]:
    """What is wrong with the pages in this light and at this width."""
    owner, desk = office.hire("owner"), office.desks[0]
    desk.unread("orders", 7001)
    paths = pages(office, desk, owner, objects=objects)
    assert len(paths) > (50 if objects else 15)
    with Window(chromium, office, dark=dark, viewport=viewport) as window:
        found = list(walk(window, OUTSIDE, *looks))
        window.sign_in(owner)
        found += walk(window, paths, *looks)
        if objects:
            found += press(window, desk, *looks, pressed=(*PRESSED, *MAKING))
            found += come_in(window, office, owner, *looks)
        return found


def test_no_list_and_no_form_shuts_anybody_out_in_the_dark_on_a_phone(chromium: Chromium, office: Office) -> None:
    """What the navigation leads to, of all pages; the others are long."""
    faults = shown(office, chromium, True, NARROW, unaccessible, too_wide, objects=False)
    assert not faults, listed(faults)


@pytest.mark.long
@pytest.mark.parametrize(("dark", "viewport"), [(False, NARROW), (True, NARROW), (False, WIDE), (True, WIDE)])
def test_no_page_shuts_anybody_out(chromium: Chromium, office: Office, dark: bool, viewport: Mapping[str, int]) -> None:
    looks = (unaccessible, against_good_practice, too_wide)
    assert not (faults := shown(office, chromium, dark, viewport, *looks)), listed(faults)


@pytest.mark.long
@pytest.mark.parametrize("viewport", [NARROW, WIDE])
def test_the_keyboard_alone_goes_everywhere(chromium: Chromium, office: Office, viewport: Mapping[str, int]) -> None:
    assert not (faults := shown(office, chromium, False, viewport, unreached)), listed(faults)


@pytest.mark.long
def test_no_page_shuts_support_out(chromium: Chromium, office: Office) -> None:
    """Whose pages have masks, and a button that lifts them."""
    support, desk = office.hire("support", [office.desks[0].shop.id]), office.desks[0]
    looks = (unaccessible, against_good_practice, too_wide, unreached)
    paths = pages(office, desk, support)
    assert len(paths) > 40
    with Window(chromium, office, dark=True, viewport=NARROW) as window:
        window.sign_in(support)
        faults = [*press(window, desk, *looks, pressed=SUPPORTING), *walk(window, paths, *looks)]
    assert not faults, listed(faults)


@pytest.mark.long
def test_no_page_inside_shopifys_admin_shuts_anybody_out(chromium: Chromium, office: Office) -> None:
    """What stands around each of them is different there; what they say is not."""
    desk, now = office.desks[0], office.installation.clock.wire()
    paths = [one for one in pages(office, desk, office.hire("owner"), objects=False) if one.startswith(desk.path)]
    assert len(paths) > 15
    looks = (unaccessible, against_good_practice, too_wide, unreached)
    # With every request, as no script of App Bridge's is there.
    token = {"Authorization": f"Bearer {signed(office, exp=now + 3600)}"}
    with Window(chromium, office, dark=False, viewport=NARROW, extra_http_headers=token) as window:
        window.page.context.route("https://cdn.shopify.com/**", lambda route: route.fulfill(body=""))
        window.page.goto(paths[0])
        assert window.page.get_by_role("button", name="Sign out").count() == 0
        faults = list(walk(window, [*paths, f"{desk.path}/settings/visitors"], *looks))
    assert not faults, listed(faults)


def test_what_is_wrong_is_seen(chromium: Chromium, office: Office) -> None:
    """The control: each fault that the others look for, put into a page."""
    with Window(chromium, office, dark=True, viewport=NARROW) as window:
        page = window.page
        page.goto(OUTSIDE[0])
        looks = (unaccessible, too_wide, unreached)
        assert [what for look in looks for what in look(page)] == []
        put(page, "<input name=q><button></button>")
        assert {what.partition(":")[0] for what in unaccessible(page)} >= {"button-name", "label"}
        put(page, "<pre>" + "w" * 400 + "</pre>")
        page.evaluate("document.querySelector('main > pre').style.overflow = 'visible'")
        assert list(too_wide(page)) != []
        page.evaluate("document.querySelector('button').tabIndex = -1")
        assert any("does not reach" in what for what in unreached(page))
        page.evaluate("document.styleSheets[0].insertRule('*:focus-visible { outline: none !important }', 0)")
        assert any("not seen" in what for what in unreached(page))


def put(page: Page, html: str) -> None:
    page.evaluate("html => document.querySelector('main').insertAdjacentHTML('beforeend', html)", html)


def test_the_way_past_the_navigation(chromium: Chromium, office: Office) -> None:
    """The first press of Tab offers the page itself; a page that is not there says so and how to go on."""
    owner = office.hire("owner")
    with Window(chromium, office, dark=False, viewport=WIDE) as window:
        window.sign_in(owner)
        page = window.page
        page.goto(f"{office.desks[0].path}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
        page.goto(REFUSED)
        assert list(unaccessible(page)) == []
        assert page.get_by_role("link", name="To the start").is_visible()
