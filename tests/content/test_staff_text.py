"""Texts that staff read about somebody: filled with what is known, stopped by nothing that is not."""

from __future__ import annotations

import pytest

from flows.content.check import problems
from flows.content.context import example
from flows.content.problems import ContentProblem
from flows.content.push_message import fill as push
from flows.content.source import parse
from flows.content.staff_text import fill, problem

FACTS = {
    "person": {"first_name": None, "email": "ann@example.com", "note": " "},
    "event": {"items": [{"title": "Mug"}, {"title": "{{ person.email }}"}], "total": "86.00"},
    "shop": {"name": "Fern & Fjord"},
}


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("Call them", "Call them"),
        ("Call {{ person.first_name }}", "Call (not known)"),
        ("Call {{ person.first_name | default: person.email }}", "Call ann@example.com"),
        ("{{ person.note }}/{{ event.no.such }}/{{ coupon.offer.code }}", "(not known)/(not known)/(not known)"),
        ("{% for item in event.items %}{{ item.title }};{% endfor %}", "Mug;{{ person.email }};"),
        ("None:{% for item in event.nothing %}{{ item }}{% endfor %}", "None:"),
        ("{% if event.total %}{{ event.total }} at {{ shop.name }}{% endif %}", "86.00 at Fern & Fjord"),
    ],
)
def test_what_staff_read(text: str, reads: str) -> None:
    assert problem(text) is None and fill(text, FACTS) == reads


def test_what_is_no_text_is_refused_when_it_is_filled_and_what_cannot_be_read_before() -> None:
    with pytest.raises(ContentProblem, match="is no text"):
        fill("{{ event.items }}", FACTS)
    for text in ("{{ person.email", "{% include 'x' %}", "{{ 7*7 }}"):
        assert problem(text) is not None, text
    assert (
        problem("{{ order.name }}") == "order is not known here: a text for staff may name coupon, event, person, shop."
    )


PUSH = """---
channel: push
purpose: marketing
title: "{{ shop.name }}: your cart is waiting"
url: "{{ checkout.recovery_url }}"
---
We kept everything for you{% if person.first_name %}, {{ person.first_name }}{% endif %}.
"""


def test_a_push_message_has_a_title_a_text_and_somewhere_to_go() -> None:
    source = parse("cart/push", PUSH)
    assert problems(source, example()) == []
    written = push(source, example(), lambda address: address)
    assert written.title == "Fern & Fjord: your cart is waiting" and written.text == "We kept everything for you, Ada."
    assert written.url == example()["checkout"]["recovery_url"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title: "{{ shop.name }}: your cart is waiting"\n', "", "needs a title"),
        ('url: "{{ checkout.recovery_url }}"\n', "", "needs a url"),
        ("url:", "subject: Hello\nurl:", "'subject' is not known here"),
        ("{{ shop.name }}", "x" * 100, "at most 100"),
        ("We kept", "We kept" * 60, "at most 300"),
        ("{{ shop.name }}", "{{ shop.nme }}", "There is no shop.nme"),
    ],
)
def test_what_is_wrong_with_a_push_message(old: str, new: str, said: str) -> None:
    with pytest.raises(ContentProblem, match=said):
        push(parse("cart/push", PUSH.replace(old, new)), example(), lambda address: address)
