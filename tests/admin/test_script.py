"""Script in every field, and what pages allow to run."""

from __future__ import annotations

from tests.admin.office import Desk, Office, furnish
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


def pages(desk: Desk) -> list[str]:
    base = desk.path
    return [
        "/admin/", "/admin/installation", f"{base}/", f"{base}/people", f"{base}/people?q=bell",
        f"{base}/people/{desk.person}", f"{base}/syncs", f"{base}/syncs/{desk.run}", f"{base}/syncs/{desk.open_run}",
        f"{base}/deliveries", f"{base}/deliveries/{desk.delivery}", f"{base}/standing", f"{base}/audit",
        f"{base}/brevo", f"{base}/checklist",
    ]  # fmt: skip


def active(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """What a browser would run, or load from elsewhere, that is none of ours."""
    found = []
    for name, attributes in elements(page):
        source = str(attributes.get("src") or "")
        ours = name == "script" and source.rpartition("/")[2] in _OURS and bool(attributes.get("nonce"))
        events = [key for key in attributes if key.startswith("on") or key == "style"]
        away = str(attributes.get("href") or "").strip().lower().startswith(("javascript:", "data:", "//"))
        picture = name == "img" and not source.startswith("/admin/static/")
        if (name in ("script", "style", "svg", "iframe", "object", "base") and not ours) or events or away or picture:
            found.append((name, attributes))
    return found


def test_words_of_others_are_shown_as_words(product: Installation) -> None:
    text = "".join(PAYLOADS)
    office = Office(product, [furnish(product, SHOP, number=1, text=text)])
    (desk,) = office.desks
    browser = office.browser(office.hire("owner"))
    browser.post(f"{desk.path}/people/{desk.person}/reveal")
    times = 0
    for path in [*pages(desk), f"{desk.path}/people?q={PAYLOADS[1]}", f"{desk.path}/deliveries?topic={PAYLOADS[0]}"]:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert active(answer.text) == [], path
        times += visible_text(answer.text).count(text)
    # Each field in which they stand was really shown; the person's page alone has most of them.
    assert times >= 30
    assert visible_text(browser.get(f"{desk.path}/people/{desk.person}").text).count(text) >= 20


def test_script_that_is_not_escaped_would_be_found() -> None:
    for payload in (
        *PAYLOADS[:2],
        PAYLOADS[3],
        '<a href="javascript:alert(1)">x</a>',
        '<p style="x">',
        "<script src=/x>",
    ):
        assert active(f"<p>{payload}</p>") != [], payload


def test_every_page_forbids_what_is_not_ours(office: Office) -> None:
    browser, nonces = office.browser(office.hire("owner")), set()
    for path in [*pages(office.desks[0]), "/admin/sign-in", "/admin/shops/999/", "/admin/nowhere"]:
        answer = browser.get(path)
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert "unsafe" not in str(policy) and policy["default-src"] == "'none'", path
        assert policy["frame-ancestors"] == "'none'" and answer.headers["X-Frame-Options"] == "DENY"
        assert policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
        if "script-src" in policy:
            nonces.add(policy["script-src"])
            for name, attributes in elements(answer.text):
                if name == "script":
                    assert policy["script-src"] == f"'nonce-{attributes['nonce']}'"
        assert answer.headers["Cache-Control"] == "no-store"
    assert len(nonces) > 10
