"""What the lints of messages leave alone, and how they read a finished email."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.content.check import blocking
from flows.content.lints import LINTS, Finding, Subject
from flows.content.lints.dead_link import wrong
from flows.content.lints.page import read
from flows.content.render import Rendered
from flows.core.conflicts import CONFLICTS
from flows.core.lints import LINTS as OF_FLOWS
from tests.architecture.project import by_first_code, table_rows
from tests.content.planted_faults import FAULTS
from tests.content.samples import facts, item, message

PAGE = Path(__file__).parents[2] / "docs" / "lints.md"


def said(lint: str, body: str, context: dict[str, Any] | None = None, **fields: Any) -> list[Finding]:
    return list(LINTS[lint].look(Subject(message(body, **fields), context or facts())))


def of_html(lint: str, html: str) -> list[str]:
    """Of an email that came out so, whatever layouts and blocks say now."""
    subject = Subject(message(), facts())
    subject.__dict__["email"] = Rendered("Hi", "Hi", html, "Hi", ())
    return [finding.sentence for finding in LINTS[lint].look(subject)]


@pytest.mark.row("S5-215")
def test_every_picture_has_words() -> None:
    assert said("missing_alt", "{% render 'cart_items' %}", facts(items=[item("Mug"), item("Cup")])) == []
    assert of_html("missing_alt", '<img src="a.png">') and of_html("missing_alt", '<img src="a.png" alt=" ">')
    assert of_html("missing_alt", '<img src="a.png" alt="A mug">') == []


@pytest.mark.row("S5-207")
@pytest.mark.parametrize(
    ("html", "small"),
    [
        ('<p><a href="x">Buy</a></p>', True),
        ('<p>Read <a href="x">the guide</a> first.</p>', False),
        ('<p><a href="x" style="display:inline-block;padding:12px 16px;line-height:20px">Buy</a></p>', False),
        ('<p><a href="x" style="display:inline-block;padding:11px 16px;line-height:20px">Buy</a></p>', True),
        # What is not a block is tapped on its line only.
        ('<p><a href="x" style="padding:12px 16px;line-height:20px">Buy</a></p>', True),
        ('<p><a href="x" style="display:block;font-size:16px;line-height:120%;padding:15px 30px">Buy</a></p>', False),
        ('<p style="line-height:44px"><a href="x">Buy</a></p>', False),
        ('<td><a href="x"><img src="a" height="72" alt="A"></a></td>', False),
        ('<td><a href="x"><img src="a" width="248" style="height:auto" alt="A"></a></td>', False),
        ('<td><a href="x"><img src="a" height="20" alt="A"></a></td>', True),
        # The title below a picture that leads to the same place.
        ('<td><a href="x"><img src="a" height="72" alt="A"></a></td><td><a href="x">A</a></td>', False),
        ('<td><a href="x"><img src="a" height="72" alt="A"></a></td><td><a href="y">A</a></td>', True),
    ],
)
def test_what_is_tapped_is_large_enough(html: str, small: bool) -> None:
    assert bool(of_html("tap_target", html)) is small


def test_a_link_around_the_message_is_no_call_to_action() -> None:
    link = '<a href="x">Shop</a>'
    assert of_html("call_to_action", f'<div>{link}</div><div class="card">Hello</div>')
    assert of_html("call_to_action", f'<div class="page card"><p>{link}</p></div>') == []
    assert [target.inside for target in read(f'<div class="card">Hello</div>{link}').targets] == [False]


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("https://shop.example/products/apron", True),
        ("https://example.shop/a", True),
        ("https://my-shop-in-paris.fr/", True),
        ("mailto:help@shop.example", True),
        ("tel:+33123456789", True),
        ("https://www.example.com/a", False),
        ("https://your-domain.com", False),
        ("http://localhost:3000/", False),
        ("https://shop", False),
        ("https://shop.example//products", False),
        ("https://shop.example/products/None?x=1", False),
        ("tel:12", False),
    ],
)
def test_addresses_that_lead_somewhere(address: str, fine: bool) -> None:
    assert (wrong(address, written=True) is None) is fine


def test_addresses_of_facts_may_be_of_a_test_shop() -> None:
    assert wrong("https://www.example.com/a", written=False) is None
    assert wrong("https://www.example.com/null", written=False)


@pytest.mark.parametrize(
    "text",
    [
        "The [limited] edition",
        "{{ checkout.items[0].title }}",
        "100% linen, 20% off",
        "A to-do list for the weekend",
        "Put your name on the list here and there",
        "{% assign x = 'a' | append: 'b' %}{{ x }}",
    ],
)
@pytest.mark.row("S5-214")
def test_words_that_are_no_placeholders(text: str) -> None:
    assert said("placeholder", f"<p>{text}</p>") == []
    assert said("placeholder", f"<p>{text} [Name]</p>"), "the control"


def test_the_stop_word_of_texts_is_filled_in_by_brevo() -> None:
    text = replace(message("Hi [STOP_CODE] {{ shop.url }}"), channel="sms", subject="")
    assert list(LINTS["placeholder"].look(Subject(text, facts()))) == []


def test_what_is_plain_is_sent_as_written() -> None:
    assert said("left_out", '<h1>A</h1><p>B <a href="{{ shop.url }}">C</a><br><b>D</b></p>') == []
    assert [one.where for one in said("left_out", "<p>A</p>\n<table><tr></tr></table>")] == ["sample, line 2"] * 2


def test_only_what_may_stop_a_publication_is_asked_when_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other lint is left out, and nothing that blocks is among them."""
    stops = {fault.lint for fault in FAULTS} & {"placeholder", "missing_fallback", "clipped"}
    assert stops <= {lint.name for lint in LINTS.values() if lint.blocks}
    bad = message("<p>Hello [Name] {{ person.first_name }}</p>")
    assert {one.code for one in blocking(bad, facts())} == {"placeholder", "missing_fallback"}


def test_the_page_lists_every_lint_with_its_codes() -> None:
    of_messages = by_first_code(table_rows(PAGE, 3))
    of_flows = by_first_code(table_rows(PAGE, 2))
    assert set(of_messages) == set(LINTS)
    assert set(of_flows) == {*OF_FLOWS, *CONFLICTS}
    page = PAGE.read_text("utf-8")
    assert all(f"`{fault.lint}`" in page for fault in FAULTS)
