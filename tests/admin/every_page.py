"""Every page that the admin shows, found by its routes: a new one is looked at without being told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pyotp
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from tests import browser
from tests.admin.office import PASSWORD, Desk, Office
from tests.admin.routes import address, rules

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""What axe calls the rules of WCAG 2.2 AA."""
NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
MAIN = 'id="main"'
"""What tells a page from a part of one, from a download and from somebody's message in a frame."""

# Beside the bare addresses: what pages look like when they have been asked for something.
ASKED = (
    "settings/brand",
    "settings/consent",
    "settings/segments",
    "settings/signals",
    "people?q=bell",
    "people?q=nobody+at+all",
    "deliveries?state=quarantined",
    "drafts/greeting-1/dry-run?q=bell",
)
OUTSIDE = ("/admin/sign-in",)
REFUSED = "/admin/shops/999999999/"

_axe = Axe()
# What the keyboard has to reach. Of radio buttons with one name it reaches one.
_CONTROLS = """() => {
    const seen = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length;
    const groups = new Set();
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
        .filter(element => seen(element) && !element.matches(':disabled') && element.type !== 'hidden')
        .filter(element => {
            if (element.type !== 'radio') return true;
            const known = groups.has(element.name);
            groups.add(element.name);
            return !known;
        })
        .map((element, number) => {
            element.dataset.control = element.type === 'radio' ? 'radio ' + element.name : String(number);
            if (element.type === 'radio')
                document.getElementsByName(element.name).forEach(one => one.dataset.control = element.dataset.control);
            return [element.dataset.control, element.outerHTML.slice(0, 120)];
        });
}"""
# Wherever the page has put the focus.
_FROM_THE_START = """() => {
    const start = document.createElement('span');
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
}"""
_FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    const inView = box.bottom > 0 && box.top < innerHeight;
    // In a frame it is the frame's own document that shows where the focus is.
    const shown = element.tagName === 'IFRAME' || outlined && inView;
    return [element.dataset.control ?? '', shown, element.outerHTML.slice(0, 120)];
}"""


Look = Callable[[Page], Iterable[str]]
"""Looks at the page that is shown: a sentence for each thing that is wrong with it."""


@dataclass(frozen=True)
class Pressed:
    """What only a form shows: its page, what is entered by label and ticked by value there, and what sends it."""

    path: str
    button: str
    entered: Mapping[str, str] = field(default_factory=dict)
    chosen: Sequence[str] = ()


# None of them changes anything.
PRESSED = (
    Pressed("drafts/greeting-1/dry-run?q=bell", "Play it"),
    Pressed("mapping", "Check"),
    Pressed("settings/limits", "Show what it would mean"),
    Pressed("settings/segments", "More empty lines"),
    Pressed("settings/visitors", "Show what it would mean"),
    Pressed("syncs", "Show what would change", {"Person": "bell"}, ["true"]),
    Pressed("arming", "Show who would come when", chosen=["lapsed"]),
)
# What is shown this once, after something was made.
MAKING = (
    Pressed("keys", "Make the key", {"Name of the system": "Till"}),
    Pressed("webhooks", "Add the address", {"Whole address": "https://erp.example/", "Flows call it": "crm"}),
    Pressed("webhooks/{endpoint}", "Send a test"),
    Pressed("staff", "Make the link", {"Email": "new@office.example"}),
)
SUPPORTING = (Pressed("people/{person}", "Reveal name and addresses"),)
"""What only those press whose pages have masks."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a page, for whoever mends it."""

    page: str
    what: str

    def __str__(self) -> str:
        return f"{self.page}: {self.what}"


class Window(browser.Window):
    """A window at the admin, in one light and at one width."""

    def __init__(
        self, chromium: Chromium, office: Office, *, dark: bool, viewport: Mapping[str, int], script: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            chromium, office.app, color_scheme="dark" if dark else "light", viewport=dict(viewport),
            reduced_motion="reduce", **options,
        )  # fmt: skip
        # What asks for itself again and again is no fault, and need not be waited for.
        if not script:
            self.page.context.route("**/htmx.min.js", lambda route: route.fulfill(body=""))

    def sign_in(self, email: str) -> None:
        self.page.goto("/admin/sign-in")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/admin/")


def pages(office: Office, desk: Desk, owner: str, *, objects: bool = True) -> list[str]:
    """The addresses of all pages of one shop and of the installation, as this owner has them; without ``objects`` those
    that are about no single thing."""
    asked = office.browser(owner)
    found = [
        address(office, rule, desk, desk)
        for rule, method in rules(office)
        if method == "GET" and rule.endpoint != "admin.sign_in" and (objects or rule.arguments <= {"shop_id"})
    ]
    if objects:
        found += [f"{desk.path}/{path}" for path in ASKED]
    shown = []
    for path in dict.fromkeys(found):
        answer = asked.get(path)
        assert answer.status_code < 500, f"{path} answered {answer.status_code}"
        if answer.status_code == 200 and answer.mimetype == "text/html" and MAIN in answer.text:
            shown.append(path)
    return sorted(shown)


def unaccessible(page: Page, tags: Sequence[str] = TAGS) -> Iterator[str]:
    """What axe finds wrong with the page that is shown."""
    found = _axe.run(page, options={"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": list(tags)}})
    for violation in found.response["violations"]:
        for node in violation["nodes"]:
            yield f"{violation['id']}: {violation['help']}: {node['html'][:160]} ({node['failureSummary'][:200]})"


def against_good_practice(page: Page) -> Iterator[str]:
    """What axe finds wrong that no criterion asks for: landmarks, one h1, headings without gaps."""
    return unaccessible(page, ["best-practice"])


def too_wide(page: Page) -> Iterator[str]:
    """Whether the page has to be scrolled sideways."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide > window:
        yield f"is {wide} wide in a window of {window}"


def unreached(page: Page) -> Iterator[str]:
    """What the Tab key does not reach in its turn, or reaches without showing it."""
    controls: list[tuple[str, str]] = page.evaluate(_CONTROLS)
    page.evaluate(_FROM_THE_START)
    reached: list[str] = []
    for _ in range(len(controls) + 20):
        page.keyboard.press("Tab")
        focused: Any = page.evaluate(_FOCUSED)
        if focused is None:
            break
        name, shown, element = focused
        if not shown:
            yield f"the focus is not seen on {element}"
        reached.append(name)
    for name, element in controls:
        if name not in reached:
            yield f"the keyboard does not reach {element}"
    turn = [name for name in dict.fromkeys(reached) if name.isdecimal()]
    if turn != sorted(turn, key=int):
        yield f"the keyboard goes another way than the page: {turn}"


def walk(window: Window, paths: Sequence[str], *looks: Look) -> Iterator[Fault]:
    """Every page in turn, with what these looks find wrong with it."""
    for path in paths:
        window.page.goto(path)
        yield from _seen(window, path, looks)


def press(window: Window, desk: Desk, *looks: Look, pressed: Sequence[Pressed] = PRESSED) -> Iterator[Fault]:
    """What these show at this desk, with what these looks find wrong with it."""
    for one in pressed:
        path = one.path.format(person=desk.person, endpoint=desk.endpoint)
        window.page.goto(f"{desk.path}/{path}")
        for label, value in one.entered.items():
            window.page.get_by_label(label).first.fill(value)
        for value in one.chosen:
            window.page.locator(f"[value='{value}']").check()
        _click(window, one.button)
        yield from _seen(window, f"{path}, {one.button}", looks)


def come_in(window: Window, office: Office, email: str, *looks: Look) -> Iterator[Fault]:
    """The pages of an invitation that a page shows, of a second factor, and of signing in with it."""
    page = window.page
    page.goto(urlsplit(page.get_by_label("Link", exact=True).input_value()).path)
    yield from _seen(window, "the invitation", looks)
    page.goto("/admin/account")
    _click(window, "Set up a second factor")
    yield from _seen(window, "the second factor", looks)
    secret = (page.locator("code").first.text_content() or "").replace(" ", "")
    page.get_by_label("Enter the code").fill(pyotp.TOTP(secret).at(office.installation.clock.machine().timestamp()))
    _click(window, "Switch it on")
    yield from _seen(window, "the recovery codes", looks)
    _click(window, "Sign out")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    _click(window, "Sign in")
    assert page.get_by_role("heading", name="Your code").is_visible()
    yield from _seen(window, "the code", looks)


def _click(window: Window, button: str) -> None:
    with window.page.expect_navigation() as shown:
        window.page.get_by_role("button", name=button, exact=True).click()
    assert shown.value.status == 200, (window.page.url, button, shown.value.status)


def _seen(window: Window, page: str, looks: Sequence[Look]) -> Iterator[Fault]:
    for look in looks:
        for what in look(window.page):
            yield Fault(page, what)
    for what in window.said:
        yield Fault(page, what)
    window.said.clear()
