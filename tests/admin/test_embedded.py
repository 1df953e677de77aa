"""The admin inside Shopify's, in a real browser: in a frame, with a stand-in for App Bridge that hands out tokens, and
without any cookie of ours."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Download, FrameLocator, Route, expect

from tests import browser
from tests.admin.office import Office
from tests.admin.routes import shown
from tests.admin.test_session_tokens import signed
from tests.browser import chromium
from tests.sandbox.store_process import SHOP

__all__ = ["chromium"]

PUBLIC_URL = "https://shop.example"
_BRIDGE = "window.shopify = {idToken: () => window.freshToken()};"
# It may do what it needs, and keep files.
_AROUND = (
    '<!doctype html><iframe name="app" width="1200" height="900"'
    ' sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-downloads" src="{}"></iframe>'
)


class Window(browser.Window):
    """A window at Shopify's admin, where our app is open."""

    def __init__(self, chromium: Chromium, office: Office, **options: object) -> None:
        super().__init__(chromium, office.app, **options)
        self._office, context = office, self.page.context
        self.tokens: list[str] = []
        context.expose_function("freshToken", self._token)
        context.route(
            "https://cdn.shopify.com/**", lambda route: route.fulfill(content_type="text/javascript", body=_BRIDGE)
        )
        context.route("https://admin.shopify.com/**", self._around)
        context.route(f"{PUBLIC_URL}/**", self._forward)

    def _token(self) -> str:
        self.tokens.append(signed(self._office, jti=str(len(self.tokens))))
        return self.tokens[-1]

    def _around(self, route: Route) -> None:
        here = f"{PUBLIC_URL}/admin/?id_token={signed(self._office)}&shop={SHOP}"
        route.fulfill(content_type="text/html", body=_AROUND.format(here.replace("&", "&amp;")))

    def _forward(self, route: Route) -> None:
        """The application under its public name: a browser asks before a page from outside may open one of loopback."""
        asked = urlsplit(route.request.url)
        there = f"http://127.0.0.1:{self._server.server_port}{asked.path}?{asked.query}"
        route.fulfill(response=route.fetch(url=there))

    def open(self) -> FrameLocator:
        self.page.goto("https://admin.shopify.com/store/shop/apps/connector")
        return self.page.frame_locator("iframe[name=app]")

    def saved(self, app: FrameLocator, role: str, name: str) -> Download:
        """What the browser keeps when this link or button is pressed."""
        with self.page.expect_download() as kept:
            app.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]
        return kept.value


def content(download: Download) -> bytes:
    return download.path().read_bytes()


def names_in(download: Download) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(content(download))) as kept:
        assert kept.testzip() is None
        return set(kept.namelist())


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_what_is_downloaded_inside_shopifys_admin_is_kept_as_a_file(chromium: Chromium, office: Office) -> None:
    desk = office.desks[0]
    desk.exported()
    with Window(chromium, office) as window:
        app = window.open()
        expect(app.get_by_role("heading", level=1)).to_have_text(desk.shop.shop.name)
        app.get_by_role("link", name="Audit log").first.click()
        table = window.saved(app, "link", "Download as a table (CSV)")
        assert table.suggested_filename == f"audit-{SHOP}.csv" and content(table).count(b"\n") >= 1
        app.get_by_role("link", name="Flows", exact=True).first.click()
        app.get_by_role("main").get_by_role("link", name="Greeting").click()
        app.get_by_role("link", name="Versions").click()
        whole = window.saved(app, "link", "Download version 1")
        assert names_in(whole) == {f"{desk.flow}/flow.yaml", f"{desk.flow}/messages/hello.liquid"}
        app.get_by_role("link", name="People", exact=True).first.click()
        app.get_by_role("link", name="Ann Bell").click()
        bundle = window.saved(app, "button", "Download their data")
        assert bundle.suggested_filename == f"person-{desk.person}.zip" and names_in(bundle)
        # What is refused is told on the page.
        desk.shop.set(shopify_users={"role": "support"})
        app.get_by_role("button", name="Download their data").click()
        expect(app.get_by_role("heading", level=1)).to_have_text("Not allowed")
        # The control: as htmx asks for it, the table becomes the page.
        app.get_by_role("link", name="To the start").click()
        expect(app.get_by_role("heading", level=1)).to_have_text(desk.shop.shop.name)
        app.get_by_role("link", name="Audit log").first.click()
        expect(app.get_by_role("heading", level=1)).to_have_text("Audit log")
        app.locator("a[data-file]").evaluate("link => link.removeAttribute('data-file')")
        app.get_by_role("link", name="Download as a table").click()
        expect(app.get_by_role("heading", level=1)).to_have_count(0)
        assert len(window.tokens) == len(set(window.tokens)) > 10
        # A frame is given no focus by itself, and the refusal is one.
        assert [line for line in window.said if "autofocusing" not in line and "403" not in line] == []


_WAY = re.compile(r'<(?:a|form) [^>]*?(?:href|action)="([^"?#]*)[^>]*>')


def ways(pages: Mapping[str, str]) -> set[tuple[str, bool]]:
    """The links and forms of these pages: (where to, whether it is marked as leading to a file)."""
    found = [(at, way) for at, page in pages.items() for way in _WAY.finditer(page)]
    return {(urljoin(at, way[1]), "data-file" in way[0]) for at, way in found}


def test_every_way_to_a_file_is_marked_as_one(office: Office) -> None:
    """By the mark embedded.js knows what is to be kept, and not shown."""
    desk = office.desks[0]
    desk.exported()
    asked = dict(shown(office, desk, office.browser(office.hire("owner"))))
    files = {urlsplit(path).path for path, answer in asked.items() if "Content-Disposition" in answer.headers}
    files.add(f"{desk.path}/people/{desk.person}/export/download")
    pages = {path: answer.text for path, answer in asked.items() if answer.mimetype == "text/html"}
    found = ways(pages)
    assert len(files) > 3 and {path for path, _ in found} >= files
    assert {path for path, marked in found if marked != (path in files)} == set()
    # The control.
    (log,) = [path for path in files if path.endswith("/audit.csv")]
    assert (log, False) in ways({path: page.replace(" data-file", "") for path, page in pages.items() if log in page})
