"""Script in a real browser: in every field of the shop's data, and typed into every form of every page.

No dialog opens, and nothing has to be refused by the policy, because nothing is taken for more than words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium

from tests.admin.every_page import pages
from tests.admin.office import Office, furnish
from tests.admin.payloads import PAYLOADS, RUNNING
from tests.admin.test_browser import Window
from tests.browser import chromium
from tests.engine.installation import Installation
from tests.sandbox.store_process import SHOP

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

_LONGEST = 100
# Ends the session that is looking, or takes its account away.
_LEFT_ALONE = ("/sign-out", "/account/", "/confirm", "/remove", "/sessions", "/password")
# Puts a payload into every field of a form that takes text, past what the browser itself would check.
_FILL = """([number, payloads]) => {
    const form = document.forms[number];
    const fields = [...form.elements].filter(one =>
        one.tagName === 'TEXTAREA' || one.tagName === 'INPUT' &&
        !['hidden', 'radio', 'checkbox', 'file', 'submit', 'button'].includes(one.type));
    fields.forEach((field, at) => {
        if (field.tagName === 'INPUT') field.type = 'text';
        field.removeAttribute('maxlength');
        field.value = payloads[at % payloads.length];
    });
    form.noValidate = true;
    return fields.map(field => field.name);
}"""


def refused(window: Window) -> list[str]:
    """What was heard of the page that is shown: dialogs, and what the policy refused.

    An answer that says no is none of it. What is in a frame may want to run: it is a message as it was sent, and its
    frame is shut.
    """
    framed = bool(window.page.locator("iframe[sandbox]").count())
    if framed:
        window.page.wait_for_timeout(150)
    heard = [line for line in window.said if line == "1" or not (framed or line.startswith("Failed to load resource"))]
    window.said.clear()
    return heard


def groups() -> Iterator[str]:
    """All payloads, a few in one text: no longer than any name may be, and what ends the first must not hide many."""
    text = ""
    for payload in PAYLOADS:
        if len(text) + len(payload) > _LONGEST:
            yield text
            text = ""
        text += payload
    yield text


def test_script_in_the_data_of_a_shop_runs_nowhere(chromium: Chromium, product: Installation) -> None:
    office = Office(product)
    for number, text in enumerate(groups()):
        desk = furnish(product, f"tea-{number}.myshopify.com", number=number + 1, text=text)
        # Signing in is counted by account.
        owner = office.hire("owner", email=f"owner{number}@office.example")
        asked = office.browser(owner)
        written = [path for path in pages(office, desk, owner) if "alert" in asked.get(path).text]
        assert len(written) >= 15
        with Window(chromium, office) as window:
            window.sign_in(owner)
            for path in written:
                window.page.goto(path)
                assert refused(window) == [], path


def test_script_typed_into_the_fields_runs_nowhere(chromium: Chromium, product: Installation) -> None:
    office = Office(product, [furnish(product, SHOP, number=1)])
    desk, owner = office.desks[0], office.hire("owner")
    tried: set[tuple[str, str]] = set()
    with Window(chromium, office) as window:
        page = window.page
        window.sign_in(owner)
        for path in pages(office, desk, owner):
            page.goto(path)
            for number in range(page.evaluate("document.forms.length")):
                page.goto(path)
                action = str(page.evaluate("n => document.forms[n]?.action ?? ''", number))
                if not action or any(part in action for part in _LEFT_ALONE):
                    continue
                at = len(tried) % len(PAYLOADS)
                names: list[Any] = page.evaluate(_FILL, [number, [*PAYLOADS[at:], *PAYLOADS[:at]]])
                place = action.partition("?")[0]
                new = {(place, str(name)) for name in names} - tried
                if not new:
                    continue
                tried |= new
                with page.expect_navigation():
                    page.evaluate("n => document.forms[n].requestSubmit()", number)
                page.wait_for_timeout(50)
                assert refused(window) == [], (path, action)
                # What was kept is looked at again where it is shown.
                page.goto(path)
                assert refused(window) == [], (path, action)
    assert len(tried) >= 30, sorted(tried)


def test_each_payload_runs_where_it_is_not_escaped(chromium: Chromium, product: Installation) -> None:
    """The control: the list is not harmless, and the policy of our pages stops it all the same."""
    office = Office(product)
    with Window(chromium, office) as window:
        for payload in RUNNING:
            window.said.clear()
            window.page.set_content(f"<textarea></textarea><p>{payload}</p>")
            window.page.wait_for_timeout(150)
            assert "1" in window.said, payload
        window.page.goto("/admin/sign-in")
        window.said.clear()
        window.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
        window.page.wait_for_timeout(300)
        assert "1" not in window.said and refused(window) != []
