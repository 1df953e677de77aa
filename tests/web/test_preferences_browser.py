"""The unsubscribe and the preference page in a real browser: on a telephone, without script, by keyboard, at night."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect
from sqlalchemy import Engine

from connector.contrast import ratio
from tests.browser import Window, chromium
from tests.web.test_preferences import configure, in_the_states, link, opened, person_id, say, standing

__all__ = ["chromium", "configure", "in_the_states", "link", "opened", "person_id", "say"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_somebody_leaves_reminders_and_then_everything(
    chromium: Chromium, client: FlaskClient, engine: Engine, link: str, configure: Callable[..., None]
) -> None:
    configure(brand={"colour": "#ffee00", "ground": "#fff8f0", "name": "Tea House"})
    options: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "locale": "nl", "java_script_enabled": False}
    with Window(chromium, client.application, **options) as window:
        page = window.page
        page.goto(link.replace("/p/", "/u/"))
        page.get_by_role("link", name="Kiezen wat u krijgt").click()
        expect(page.get_by_role("heading", name="Uw keuzes")).to_be_visible()
        page.get_by_role("link", name="English").click()
        page.get_by_label("Reminders of what you left in your cart").uncheck()
        page.get_by_role("button", name="Save").press("Enter")
        expect(page.get_by_role("status")).to_have_text("Your choices are saved")
        expect(page.get_by_label("Reminders of what you left in your cart")).not_to_be_checked()
        assert standing(engine)["email.cart"][0] == "unsubscribed"
        page.get_by_role("button", name="Unsubscribe from everything").click()
        expect(page.get_by_role("status")).to_have_text("You are unsubscribed from everything")
        assert standing(engine)["email.newsletter"][0] == "unsubscribed"
        assert window.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read_by_day_and_by_night(
    chromium: Chromium, client: FlaskClient, link: str, configure: Callable[..., None], scheme: str
) -> None:
    configure(brand={"colour": "#ffee00", "ground": "#fff8f0"})
    with Window(chromium, client.application, viewport={"width": 320, "height": 700}, color_scheme=scheme) as window:
        page = window.page
        for code in ("de", "pl"):
            page.goto(f"{link}?lang={code}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
        for place in ("h1", "legend", ".choice label", ".choice p", "main form:first-of-type button", "nav a"):
            ink, ground = page.evaluate(_COLOURS, place)
            assert ratio(ink, ground) >= 4.5, (place, ink, ground)
        # The first thing that the keyboard reaches is a choice, and it shows.
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == "want"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert window.said == []


# The colours of a text and of the nearest ground behind it, as #rrggbb.
_COLOURS = """place => {
    const two = part => (+part).toString(16).padStart(2, '0');
    const hex = colour => '#' + colour.match(/\\d+/g).slice(0, 3).map(two).join('');
    let behind = document.querySelector(place);
    const ink = hex(getComputedStyle(behind).color);
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    return [ink, hex(getComputedStyle(behind).backgroundColor)];
}"""
