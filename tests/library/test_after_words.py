"""What the messages after a purchase say: whole for everybody, short, and nothing that the shop did not give."""

from __future__ import annotations

import pytest

from flows.content.check import problems
from flows.content.context import bare, example
from flows.content.render import Rendered, render
from flows.content.source import MessageSource, parse
from flows.definition_files import format_text
from tests.library.playing import LIBRARY

FLOWS = (
    "back-in-stock", "cross-sell", "first-order-plus-days", "low-stock", "milestone", "number-of-orders",
    "order-follow-up", "order-returned", "post-purchase", "price-drop", "replenishment", "replenishment-30",
    "replenishment-90", "review-request", "subscription-renewal", "thank-you", "total-spent",
)  # fmt: skip
MESSAGES = sorted(f"{flow}/{file.stem}" for flow in FLOWS for file in (LIBRARY / flow / "messages").glob("*.liquid"))
EVENT = {
    "title": "Linen apron", "variant_title": "Moss green", "url": "https://shop.example/products/apron",
    "reorder_url": "https://shop.example/cart/101:1", "order_name": "#1042", "why": "viewed", "old": "86.00",
    "new": "68.80", "inventory_quantity": 3, "orders": 3, "number": 5, "renews_at": "2026-05-08T10:00:00+00:00",
    "plan": "Monthly box",
}  # fmt: skip
LITTLE = {"title": None, "variant_title": None, "url": None, "reorder_url": None, "why": "bought", "plan": None}
PARTS = ("thanks", "order-confirmation", "order-shipped", "review-request", "cross-sell", "cross-sell-again", "loyalty")
NAMED_PERCENT = {"replenishment", "replenishment-30", "replenishment-90"}
"""Their last message names what a subscription saves, as the merchant has written it there."""


def source(name: str) -> MessageSource:
    flow, message = name.split("/")
    return parse(name, (LIBRARY / flow / "messages" / f"{message}.liquid").read_text("utf-8"))


def filled(name: str, *, known: bool = True, offers: bool = True) -> Rendered:
    """For somebody of whom everything is known, or little; points they have, or the message would not leave."""
    facts = example(offers=offers) if known else bare(offers=offers)
    facts["event"] = {**EVENT, **({} if known else LITTLE)}
    if not known:
        facts["loyalty"], facts["coupon"] = {"points": 86}, {}
    return render(source(name), facts)


@pytest.mark.parametrize("flow", FLOWS)
def test_each_says_what_it_is_for_and_its_file_is_canonical(flow: str) -> None:
    text = (LIBRARY / flow / "flow.yaml").read_text("utf-8")
    assert format_text(text) == text
    for entry in ("purpose:", "assumptions:", "owner:", "reviewed: 2026-11-23", "refresh:", "naming:"):
        assert f"  {entry}" in text
    for entry in ("within:", "metric:", "audience:"):
        assert entry in text


@pytest.mark.parametrize("name", MESSAGES)
def test_each_is_whole_for_everybody_and_short(name: str) -> None:
    for rendered in (filled(name), filled(name, known=False), filled(name, known=False, offers=False)):
        assert len(rendered.subject) < 60 and 40 <= len(rendered.preview) <= 90
        said = rendered.subject + rendered.preview + rendered.text
        assert "!" not in said and "None" not in said and "  " not in rendered.subject
    facts = example()
    facts["event"] = EVENT
    assert problems(source(name), facts) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_without_an_offer_no_number_is_promised(name: str) -> None:
    said = filled(name, known=False, offers=False)
    named = name.split("/")[0] in NAMED_PERCENT and "subscri" in name
    assert ("%" in said.subject + said.text) == named
    assert ("Enter it at the checkout" in said.text) is False


def test_a_long_name_of_a_product_leaves_the_subject_short() -> None:
    facts = example()
    facts["event"] = {**EVENT, "title": "Hand-thrown stoneware serving bowl with a rim, large, sea green"}
    for name in MESSAGES:
        assert len(render(source(name), facts).subject) < 60, name


@pytest.mark.row("S5-101")
def test_the_course_after_a_first_order_says_what_each_of_its_emails_is_for() -> None:
    facts = example()
    text = {name: render(source(f"post-purchase/{name}"), facts).text for name in PARTS}
    assert "Complete the look" in text["thanks"] and "https://shop.example/products/serving-board" in text["thanks"]
    assert facts["order"]["status_url"] in text["order-confirmation"] and "Total" in text["order-confirmation"]
    assert facts["tracking"]["url"] in text["order-shipped"] and "May 3, 2026" in text["order-shipped"]
    assert text["review-request"].count("?rating=") == 5 and "discount" not in text["review-request"]
    assert render(source("post-purchase/loyalty"), facts).subject == "You've earned 1,240 points"
    assert text["cross-sell"] != text["cross-sell-again"] and "again" in text["cross-sell-again"]
    facts["shop"]["offers"]["review"] = {"code": "STARS5", "percent": 5, "expires_days": 30}
    assert "STARS5" in render(source("post-purchase/review-request"), facts).text
    # Nobody's consent is asked for these two, so they recommend and offer nothing.
    for name in ("order-confirmation", "order-shipped"):
        said = source(f"post-purchase/{name}")
        assert said.purpose == "transactional" and "products." not in said.body
