"""WhatsApp messages: what fills a template, how it reads, and what is said before it is published."""

from __future__ import annotations

from typing import Any

import pytest

from flows.content.check import problems
from flows.content.problems import ContentProblem
from flows.content.source import parse
from flows.content.whatsapp_message import MOST_OF_TEMPLATE, Written, fill
from tests.content.samples import facts

HEAD = "---\nchannel: whatsapp\npurpose: marketing\n{more}---\n{body}\n"
TEMPLATE = """template: waiting
params:
  NAME: '{{ person.first_name | default: "there" }}'
  LINK: "{{ checkout.recovery_url }}"
"""
BODY = "Hi {{ params.NAME }}, your cart waits at https://shop.example/cart: {{ params.LINK }}"


def written(more: str = TEMPLATE, body: str = BODY, context: dict[str, Any] | None = None) -> Written:
    source = parse("flow/waiting", HEAD.format(more=more, body=body))
    return fill(source, context or facts(), lambda target: f"short:{len(target)}")


def found(more: str, body: str) -> dict[str, str]:
    source = parse("flow/waiting", HEAD.format(more=more, body=body))
    return {one.code: one.sentence for one in problems(source, facts())}


def test_params_are_filled_and_the_text_shows_them() -> None:
    got = written()
    assert got.params["NAME"] == facts()["person"]["first_name"] and got.params["LINK"].startswith("short:")
    # What is part of the template stays as Meta has approved it.
    assert got.text == f"Hi {got.params['NAME']}, your cart waits at https://shop.example/cart: {got.params['LINK']}"


def test_a_value_is_one_line_and_no_template_of_brevos() -> None:
    person = {**facts()["person"], "first_name": " {{ contact.EMAIL }}\nand   {% if %} "}
    assert written(context={**facts(), "person": person}).params["NAME"] == "{ { contact.EMAIL }} and { % if %}"


def test_plain_text_gets_short_links() -> None:
    assert written("", "See https://shop.example/cart.") == Written("See short:25.", {})


@pytest.mark.parametrize(
    ("more", "body", "code"),
    [
        (
            TEMPLATE.replace('{{ person.first_name | default: "there" }}', "{{ person.last_name }}"),
            BODY,
            "missing_value",
        ),
        (TEMPLATE.replace('{{ person.first_name | default: "there" }}', " "), BODY, "missing_value"),
        ("template: 7\n", "x" * (MOST_OF_TEMPLATE + 1), "too_large"),
    ],
)
def test_what_meta_would_refuse_is_not_sent(more: str, body: str, code: str) -> None:
    nobody = {**facts(), "person": {**facts()["person"], "last_name": None}}
    with pytest.raises(ContentProblem) as refused:
        written(more, body, nobody)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("more", "body", "code", "sentence"),
    [
        (TEMPLATE, "Hi {{ params.NAME }} {{ params.LINK }} {{ params.CITY }}", "params", "add CITY there"),
        (TEMPLATE, "Hi {{ params.NAME }}", "params", "params has LINK"),
        ("template: 7\n", "Hi {{ person.first_name }}", "missing_fallback", "first_name"),
        ("template: 7\n", "{{ person.shoe_size }}", "missing_value", "shoe_size"),
    ],
)
def test_what_does_not_fit_is_said_before(more: str, body: str, code: str, sentence: str) -> None:
    said = found(more, body)
    assert list(said) == [code] and sentence in said[code]
    assert found(TEMPLATE, BODY) == {}, "the control"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("params: {NAME: Ann}\n", "params fill a template"),
        ("template: true\n", "template is the number"),
        ("template: 7\nparams: {NAME: 5}\n", "NAME is a text"),
        ("template: 7\nparams: {'a b': x}\n", "letters, digits and _"),
        ("template: 7\nsubject: x\n", "not known here"),
    ],
)
def test_a_broken_head_is_explained(more: str, sentence: str) -> None:
    with pytest.raises(ContentProblem, match=sentence) as refused:
        parse("flow/waiting", HEAD.format(more=more, body="x"))
    assert refused.value.code == "front_matter"
