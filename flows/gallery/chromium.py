"""Photographs of emails, taken by a real browser: one of it, and one page, for all of them."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from connector.errors import ConnectorError
from flows.content.preview import looks
from flows.gallery.drawings import drawing

if TYPE_CHECKING:
    from playwright.sync_api import Route

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SHEET_SCALE = 0.45
"""Of the sheet with all looks of an email; it is what is kept in the repository."""
_SHEET_QUALITY = 55
_GAP = 16
_PICTURES_OF = "cdn.shop.example"
# What is behind every look, and what it costs to see a frame's whole height: no script of an email runs.
_STAGE = """<!doctype html><html><head><style>
body {{ margin: 0; background: #fff; }} main {{ display: flex; gap: {gap}px; align-items: flex-start; }}
iframe {{ border: 0; flex: none; height: 10px; }}
</style></head><body><main>{frames}</main></body></html>"""
_FRAME = '<iframe sandbox="allow-same-origin" scrolling="no" width="{width}" srcdoc="{html}"></iframe>'
_GROW = """() => Array.from(document.querySelectorAll('iframe'), frame => {
    const height = frame.contentDocument.documentElement.scrollHeight;
    frame.style.height = height + 'px';
    return height;
})"""


class NoBrowser(ConnectorError):
    """There is no browser to take photographs with."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} Install Chromium (on Debian and Ubuntu: apt-get install chromium) and the packages for "
            "development (make setup), or write the page without pictures: python -m flows.gallery --no-pictures"
        )


@dataclass(frozen=True, slots=True)
class Photographs:
    """``looks``: {"640-day": PNG} and so on; ``sheet``: all of them side by side, small, as WebP."""

    looks: Mapping[str, bytes]
    sheet: bytes


def program() -> str | None:
    """Where the browser is."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Camera:
    """Takes photographs. Nothing is asked of the network: the pictures in emails are drawn here."""

    def __init__(self, page: Any, devtools: Any) -> None:
        self._page = page
        self._devtools = devtools

    def take(self, html: str) -> Photographs:
        """The email in each of its looks."""
        ways = list(looks(html))
        frames = "".join(_FRAME.format(width=width, html=escape(shown)) for width, _, shown in ways)
        self._page.set_content(_STAGE.format(gap=_GAP, frames=frames), wait_until="load")
        heights = self._page.evaluate(_GROW)
        whole = sum(width for width, _, _ in ways) + _GAP * (len(ways) - 1)
        self._page.set_viewport_size({"width": whole, "height": max(heights)})
        taken, left = {}, 0
        for (width, light, _), height in zip(ways, heights, strict=True):
            taken[look_name(width, light)] = self._shot(left, width, height, 1, format="png", optimizeForSpeed=True)
            left += width + _GAP
        sheet = self._shot(0, whole, max(heights), SHEET_SCALE, format="webp", quality=_SHEET_QUALITY)
        return Photographs(taken, sheet)

    def _shot(self, left: int, width: int, height: int, scale: float, **how: Any) -> bytes:
        clip = {"x": left, "y": 0, "width": width, "height": height, "scale": scale}
        return b64decode(self._devtools.send("Page.captureScreenshot", {**how, "clip": clip})["data"])


def look_name(width: int, light: str) -> str:
    return f"{width}-{light.rsplit(' ', 1)[-1]}"


@contextmanager
def camera() -> Iterator[Camera]:
    """One browser, for as long as it is needed. Raises NoBrowser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("The package playwright is not installed.") from None
    where = program()
    if where is None:
        raise NoBrowser("There is no Chromium on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=list(FLAGS))
        context = browser.new_context(device_scale_factor=1, locale="en-GB", timezone_id="UTC")
        page = context.new_page()
        page.route("**/*", answer)
        yield Camera(page, context.new_cdp_session(page))
        browser.close()


def answer(route: Route) -> None:
    """Pictures of the example's products are drawn; nothing else is there."""
    address = route.request.url
    if address.split("/")[2:3] == [_PICTURES_OF]:
        route.fulfill(content_type="image/svg+xml", body=drawing(address))
    else:
        route.abort()
