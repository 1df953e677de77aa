"""``python -m tests.screens``: a picture of every page of the admin at both widths, in docs/screens.

The shop is that of the demo: thirty days of it are played first. A draft and a sync are begun, and pages are found
as people find them, by their links; of each kind (``data-page``) the first is taken.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin, urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from flows.gallery.chromium import FLAGS, program
from sandbox.demo.drive import STEP, Driver
from sandbox.demo.outage import Outage
from sandbox.demo.stage import PASSWORD, REAL, Stage, hire, raised, staff_of

FOLDER = Path("docs/screens")
DAYS, SHOPPERS, SEED = 30, 150, 20261121
WIDTHS = (1280, 360)
TALLEST = 2400
"""Pixels of a picture: what is below is cut off."""
HEIGHT = 800
"""Of a window in which a page is opened."""
DRAWN = 1000
"""Milliseconds until a frame is drawn anew."""
COLOURS = 48
MOST = 400
"""Links that are followed."""
_HREF = re.compile(r'href="([^"#]+)"')
_PAGE = re.compile(r'data-page="admin\.(\w+)"')


def main(folder: Path = FOLDER) -> int:
    """Play, walk, take. 0 when there are pictures of some pages."""
    end = REAL.real() - REAL.real() % STEP
    start = end - DAYS * 86400
    with (
        TemporaryDirectory() as place,
        raised(Path(place), start=start, days=DAYS, shoppers=SHOPPERS, seed=SEED) as stage,
    ):
        Driver(stage, start, end, Outage.within(start, DAYS, SHOPPERS)).play(lambda now, stops: None)
        hire(stage, "owner")
        taken = photographed(stage, folder)
    print(f"{len(taken)} pages at {len(WIDTHS)} widths in {folder}")
    return 0 if taken else 1


def photographed(stage: Stage, folder: Path) -> dict[str, str]:
    """Take a picture of each kind of page at each width; returns {kind: address}."""
    where = program()
    if where is None:
        sys.exit("There is no Chromium on this machine.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=list(FLAGS))
        _take(browser, stage.product_url, {"sign_in": "/admin/sign-in"}, folder, signed_in=False)
        page = _window(browser, stage.product_url, WIDTHS[0], signed_in=True)
        begin(page)
        found = dict(kinds(page))
        _take(browser, stage.product_url, found, folder, signed_in=True)
        browser.close()
    return {"sign_in": "/admin/sign-in", **found}


def begin(page: Page) -> None:
    """What a walk along links does not bring about: a draft of a flow, and a sync."""
    page.get_by_role("table").get_by_role("link").first.click()
    shop = page.url
    page.goto(f"{shop}flows/cart-recovery")
    page.get_by_role("button", name="Edit").click()
    page.goto(f"{shop}people")
    page.get_by_role("table").get_by_role("link").first.click()
    page.get_by_role("link", name="Sync again").click()
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_role("button", name="Sync 1 record").click()


def kinds(page: Page) -> Iterator[tuple[str, str]]:
    """(kind, address) of the first page of each kind that links lead to, from the start on, breadth first."""
    waiting, known, seen = ["/admin/"], {"/admin/"}, set()
    for address in waiting:
        if len(seen) > MOST or len(known) > MOST * 4:
            return
        answer = page.request.get(address)
        if answer.status != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        text = answer.text()
        kind = _PAGE.search(text)
        if kind is None:
            continue
        if kind[1] not in seen:
            seen.add(kind[1])
            yield kind[1], address
        elif re.search(r"\d/?$", address):
            # One of many of a kind leads where the first of them has led.
            continue
        for link in _HREF.findall(text):
            parts = urlsplit(urljoin(address, link.replace("&amp;", "&")))
            wanted = parts.path + (f"?{parts.query}" if parts.query else "")
            if not parts.netloc and wanted.startswith("/admin/") and "/static/" not in wanted and wanted not in known:
                known.add(wanted)
                waiting.append(wanted)


def _take(browser: Browser, url: str, pages: dict[str, str], folder: Path, *, signed_in: bool) -> None:
    for width in WIDTHS:
        page = _window(browser, url, width, signed_in=signed_in)
        for kind, address in pages.items():
            page.goto(address)
            if kind == "dry_run":
                # Before it is played it only asks for somebody.
                page.goto(f"{address}?person={pages['person'].rpartition('/')[2]}")
                page.get_by_role("button", name="Play it").click()
            height = min(int(page.evaluate("document.documentElement.scrollHeight")), TALLEST)
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_load_state("networkidle")
            if page.locator("iframe").count():
                # An email is drawn by a process of its own, some moments after the window has got its size.
                page.wait_for_timeout(DRAWN)
            _write(page.screenshot(), folder / f"{kind.replace('_', '-')}-{width}.png")
            page.set_viewport_size({"width": width, "height": HEIGHT})
        page.context.close()


def _window(browser: Browser, url: str, width: int, *, signed_in: bool) -> Page:
    page = browser.new_context(base_url=url, viewport={"width": width, "height": HEIGHT}, locale="en-GB").new_page()
    if signed_in:
        page.goto("/admin/sign-in")
        page.get_by_label("Email").fill(staff_of("owner"))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/admin/")
    return page


def _write(png: bytes, file: Path) -> None:
    """With a palette: a page has few colours, and a repository keeps every picture for ever."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
