"""Messages of the library in a real browser, on a telephone: they fit, can be tapped, and can be read at night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from connector.contrast import LEAST, ratio
from flows.content.context import bare, example
from flows.content.lints.tap_target import LEAST as THUMB
from flows.content.problems import ContentProblem
from flows.content.proof import proof
from flows.content.readers import reader_of
from flows.content.source import MessageSource, parse
from flows.gallery.chromium import answer
from flows.starters import folder
from tests.browser import chromium
from tests.content.samples import facts, item, message
from tests.content.test_blocks import USED

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WIDTH = 360
# Between them they have every block.
LOOKED_AT = (
    "welcome/hello", "cart-recovery/incentive", "cart-every-channel/last-chance", "post-purchase/order-shipped",
    "post-purchase/review-request", "points-expiring/a-week-left", "price-drop/cheaper-now", "win-back/new-arrivals",
)  # fmt: skip
EVERYTHING = message("<h1>Everything</h1>\n" + "\n".join(USED.values()), preview="All of it")

# The texts that can be seen, each with its colours, how large it is, and how much shines through.
_TEXTS = """() => {
    const two = part => Math.round(+part).toString(16).padStart(2, '0');
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const hex = colour => '#' + colour.slice(0, 3).map(two).join('');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const holder = walker.currentNode.parentElement;
        const style = getComputedStyle(holder);
        if (!walker.currentNode.textContent.trim() || !holder.checkVisibility({opacityProperty: true})) continue;
        if (!holder.getClientRects().length) continue;
        let behind = holder, shines = 1;
        for (let above = holder; above; above = above.parentElement) shines *= +getComputedStyle(above).opacity;
        while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
        const ground = behind ? parts(getComputedStyle(behind).backgroundColor) : [255, 255, 255];
        const ink = parts(style.color).map((one, n) => n < 3 ? one * shines + ground[n] * (1 - shines) : one);
        found.push([walker.currentNode.textContent.trim().slice(0, 40), hex(ink), hex(ground)]);
    }
    return found;
}"""
# Each place that is linked to outside of a sentence: how high and wide the largest thing is that leads there.
_TARGETS = """() => {
    const found = {};
    for (const link of document.querySelectorAll('a[href]')) {
        const inside = Array.from(link.parentElement.childNodes).some(
            node => node.nodeType === 3 && node.textContent.trim().length);
        if (inside) continue;
        for (const part of [link, ...link.children]) {
            const box = part.getBoundingClientRect(), before = found[link.href] || [0, 0];
            found[link.href] = [Math.max(before[0], box.height), Math.max(before[1], box.width)];
        }
    }
    return found;
}"""


@pytest.fixture(scope="module")
def telephone(chromium: Chromium) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": WIDTH, "height": 740}, color_scheme="dark")
    page = context.new_page()
    page.route("**/*", answer)
    yield page
    context.close()


def source(name: str) -> MessageSource:
    flow, _, called = name.partition("/")
    return parse(name, (folder(flow) / "messages" / f"{called}.liquid").read_text("utf-8"))


def faults(page: Page, html: str) -> list[str]:
    """What is wrong with this email on this telephone, in sentences."""
    page.set_content(html, wait_until="load")
    wide = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    found = [f"it is {wide} px wide"] if wide > WIDTH else []
    for address, (height, width) in page.evaluate(_TARGETS).items():
        if height < THUMB or width < THUMB:
            found.append(f"{address} is {width:.0f} x {height:.0f} px")
    for text, ink, ground in page.evaluate(_TEXTS):
        if ratio(ink, ground) < LEAST:
            found.append(f"{text!r}: {ink} on {ground}")
    for picture in page.locator("img").all():
        if not picture.get_attribute("alt"):
            found.append(f"{picture.get_attribute('src')} has no alt")
        elif not picture.evaluate("one => one.complete && one.naturalWidth > 0"):
            found.append(f"{picture.get_attribute('src')} is not shown")
    return found


def looked_at(page: Page, scheme: str, names: Sequence[str]) -> dict[str, list[str]]:
    """What is wrong with these messages, for somebody who is known and for somebody who is not."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    said: dict[str, list[str]] = {}
    for name in names:
        for known in (example(), bare()):
            try:
                html = written(source(name), known)
            except ContentProblem:
                # Whom it is refused to it is not shown to.
                continue
            if wrong := faults(page, html):
                said[name] = wrong
    return said


def written(one: MessageSource, known: dict[str, Any]) -> str:
    return proof(one, reader_of(one, context=known)).html


@pytest.mark.row("S5-207")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_library_can_be_read_and_tapped_on_a_telephone(telephone: Page, scheme: str) -> None:
    assert looked_at(telephone, scheme, LOOKED_AT) == {}


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_the_library_can_be_read_and_tapped_on_a_telephone(telephone: Page, scheme: str) -> None:
    names = [f"{file.parents[1].name}/{file.stem}" for file in folder("welcome").parent.glob("*/messages/*.liquid")]
    emails = [name for name in names if source(name).channel == "email"]
    assert len(emails) > 100
    assert looked_at(telephone, scheme, emails) == {}


def test_every_block_fits_whatever_its_words(telephone: Page) -> None:
    telephone.emulate_media(color_scheme="dark")
    assert faults(telephone, written(EVERYTHING, example())) == []
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    known = facts(
        items=[item(long, variant_title=long, sold_out=True), item("Mug", image_url="", line_price="1234567.00")]
    )
    known["person"]["first_name"] = known["shop"]["name"] = known["loyalty"]["reward"] = long
    known["product"]["title"] = known["products"]["bestsellers"][0]["title"] = known["reviews"][0]["text"] = long
    known["coupon"] = {"mine": {"code": "A" * 40, "percent": 10, "ends_at": None}}
    assert faults(telephone, written(EVERYTHING, known)) == []


def test_what_is_wrong_is_seen(telephone: Page) -> None:
    """The controls."""
    telephone.emulate_media(color_scheme="dark")
    bad = (
        '<body style="background:#222"><p style="color:#333">dim</p><p style="color:#fff;opacity:0.1">faint</p>'
        '<p><a href="https://a.example/" style="color:#fff">small</a></p><img src="https://cdn.shop.example/mug.jpg">'
        '<div style="width:500px;height:2px"></div></body>'
    )
    assert len(faults(telephone, bad)) == 5
