"""Script in every field, and what pages allow to run."""

from __future__ import annotations

from tests.admin.office import Office, furnish
from tests.admin.routes import shown
from tests.content.mailbox import elements, visible_text
from tests.engine.installation import Installation
from tests.sandbox.store_process import SHOP

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}</title><svg/onload=x>",
)
_OURS = {"htmx.min.js"}


# What pages look like when they have been asked for something.
ASKED = ("people?q=bell", f"people?q={PAYLOADS[1]}", f"deliveries?topic={PAYLOADS[0]}")


def active(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """What a browser would run, or load from elsewhere, that is none of ours."""
    found = []
    for name, attributes in elements(page):
        source = str(attributes.get("src") or "")
        ours = name == "script" and source.rpartition("/")[2] in _OURS and bool(attributes.get("nonce"))
        # A page of ours in which nothing runs.
        shut = "sandbox" in attributes and not attributes["sandbox"]
        ours |= name == "iframe" and shut and source.startswith("/admin/")
        forbidden = {"script", "style", "iframe", "object", "base", "embed"}
        events = [key for key in attributes if key.startswith("on") or key == "style"]
        away = str(attributes.get("href") or "").strip().lower().startswith(("javascript:", "data:", "//"))
        picture = name == "img" and not source.startswith("/admin/static/")
        if (name in forbidden and not ours) or events or away or picture:
            found.append((name, attributes))
    return found


def test_words_of_others_are_shown_as_words(product: Installation) -> None:
    text = "".join(PAYLOADS)
    office = Office(product, [furnish(product, SHOP, number=1, text=text)])
    (desk,) = office.desks
    browser = office.browser(office.hire("owner"))
    browser.post(f"{desk.path}/people/{desk.person}/reveal")
    asked = [(path, browser.get(f"{desk.path}/{path}")) for path in ASKED]
    times = 0
    for path, answer in [*shown(office, desk, browser), *asked]:
        assert answer.status_code == 200, path
        # What is framed is what was sent, as it was sent: nothing in it runs (test_headers).
        if answer.mimetype == "text/html" and "sandbox" not in answer.headers["Content-Security-Policy"]:
            assert active(answer.text) == [], path
            times += visible_text(answer.text).count(text)
    # Each field in which they stand was really shown; the person's pages alone have most of them.
    assert times >= 30


def test_script_that_is_not_escaped_would_be_found() -> None:
    for payload in (
        *PAYLOADS[:2],
        PAYLOADS[3],
        '<iframe src="/admin/">',
        '<iframe sandbox src="https://x.example">',
        '<a href="javascript:alert(1)">x</a>',
        '<p style="x">',
        "<script src=/x>",
    ):
        assert active(f"<p>{payload}</p>") != [], payload
