from __future__ import annotations

from typing import Any

import pytest

from flows.advice import advice
from flows.core.lints import LINTS, look
from flows.core.lints.one_thing_at_a_time import things
from flows.definition_files import compile_texts

TEXTS = {
    "plain": {
        "channel": "email",
        "subject": "Your cart",
        "preview": "",
        "body": "<p>Hi</p>\n{% render 'button', label: 'Buy' %}",
    },
    "loud": {
        "channel": "email",
        "subject": "Your cart is going",
        "preview": "",
        "body": "<p>Hi</p>\n{% render 'button', label: 'Buy' %}",
    },
    "long": {
        "channel": "email",
        "subject": "Your cart",
        "preview": "",
        "body": "<p>Hi there</p>\n<p>You</p>\n{% render 'button', label: 'Buy' %}",
    },
    "now": {
        "channel": "email",
        "subject": "Your cart",
        "preview": "",
        "body": "<p>Hi</p>\n{% render 'button', label: 'Buy now' %}",
    },
    "above": {
        "channel": "email",
        "subject": "Your cart",
        "preview": "",
        "body": "{% render 'button', label: 'Buy' %}\n<p>Hi</p>",
    },
    "both": {
        "channel": "email",
        "subject": "Other",
        "preview": "New",
        "body": "<p>Hi</p>\n{% render 'button', label: 'Buy' %}",
    },
    "text": {"channel": "sms", "body": "Your cart"},
}
MAIL, WAIT = {"email": "plain"}, {"wait": "1d"}


def coupon(percent: int) -> dict[str, Any]:
    return {"coupon": {"as": "offer", "percent": percent, "valid": "3d"}}


@pytest.mark.row("S5-180")
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([MAIL], [MAIL], set()),
        ([MAIL], [{"email": "plain", "id": "other", "note": "the same"}], set()),
        # Each element that can be tried, by itself.
        ([MAIL], [{"email": "loud"}], {"the subject"}),
        ([WAIT, MAIL], [{"wait": {"until": "09:00"}}, MAIL], {"the wait"}),
        ([MAIL], [{"email": "long"}], {"the text"}),
        ([MAIL], [{"email": "now"}], {"the button"}),
        ([MAIL], [{"email": "above"}], {"the button"}),
        ([coupon(10), MAIL], [coupon(15), MAIL], {"the discount"}),
        ([MAIL], [coupon(15), MAIL], {"the discount"}),
        ([MAIL], [MAIL, WAIT, {"email": "loud"}], {"the number of messages"}),
        ([MAIL, WAIT, MAIL], [MAIL, {"wait": "2d"}, MAIL], {"the wait"}),
        ([MAIL], [{"sms": "text"}], {"the channel"}),
        ([MAIL], [], {"the number of messages"}),
        # The same thing twice is one.
        ([MAIL, WAIT, MAIL], [{"email": "loud"}, WAIT, {"email": "loud"}], {"the subject"}),
        # Several at once.
        ([MAIL], [{"email": "both"}], {"the subject", "the preview"}),
        ([WAIT, MAIL], [{"wait": "2d"}, {"email": "loud"}], {"the wait", "the subject"}),
        ([MAIL], [coupon(10), MAIL, WAIT, MAIL], {"the discount", "the number of messages"}),
        (
            [{"when": {"person.orders_count": 0}, "then": [MAIL]}],
            [{"when": {"person.orders_count": 1}, "then": [{"email": "loud"}]}],
            {"a condition", "the subject"},
        ),
    ],
)
def test_in_what_arms_differ(one: list[Any], other: list[Any], expected: set[str]) -> None:
    assert things(one, other, TEXTS) == things(other, one, TEXTS) == expected


def definition(**split: Any) -> dict[str, Any]:
    arms = {"a": [MAIL], "b": [{"email": "both"}]}
    inner = {"split": {"name": "ab", "shares": {"a": 50, "b": 50}, "arms": arms, **split}}
    return {"steps": [{"when": {"person.orders_count": 0}, "then": [inner]}]}


@pytest.mark.row("S5-180")
def test_arms_that_differ_in_more_than_one_thing_are_remarked_on() -> None:
    (remark,) = look(definition(), TEXTS)
    assert remark.sentence == "The arms “a” and “b” differ in 2 things: the preview, the subject"
    assert remark.path == ("steps", 0, "then", 0, "split", "arms")
    assert look(definition(arms={"a": [MAIL], "b": [{"email": "loud"}]}), TEXTS) == []
    assert look(definition(winner="a"), TEXTS) == [], "it is over"


FLOW = """flow: a
name: A
trigger: {on: order_placed}
steps:
  - split:
      name: ab
      shares: {a: 50, b: 50}
      arms:
        a: [{email: one}]
        b: [{email: two}]
"""
MESSAGE = "---\nsubject: {subject}\npurpose: marketing\ndeadline: {deadline}\n---\n<p>{text}</p>\n"


def test_remarks_of_files_have_lines() -> None:
    texts = {
        "one": MESSAGE.format(subject="Hello", text="Hello", deadline="24h"),
        "two": MESSAGE.format(subject="Hey", text="Hey", deadline="24h"),
    }
    (problem,) = advice(compile_texts(FLOW, texts))
    assert str(problem) == (
        "flow.yaml:8: The arms “a” and “b” differ in 2 things: the subject, the text. "
        "Try one thing at a time, or nobody can tell which of them it was."
    )
    alike = {**texts, "two": MESSAGE.format(subject="Hey", text="Hello", deadline="24h")}
    assert advice(compile_texts(FLOW, alike)) == []


def test_every_lint_says_what_it_is_about() -> None:
    assert all(lint.about.strip() and name == lint.name for name, lint in LINTS.items())
