from __future__ import annotations

from typing import Any

import pytest

from flows.advice import advice
from flows.core.lints import LINTS, Remark, Shown, Subject
from flows.core.lints.one_thing_at_a_time import things
from flows.core.model import MessageSpec
from flows.core.plans import plan
from flows.core.validate import load
from flows.definition_files import compile_texts
from tests.core.examples import DAY, HOUR, MESSAGES, abandoned, entered, flow, play, sent

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
    steps = [{"when": {"person.orders_count": 0}, "then": [inner]}]
    return {"flow": "a", "name": "A", "trigger": {"on": "order_placed"}, "steps": steps}


def one_thing(definition: dict[str, Any]) -> list[Remark]:
    specs = {name: MessageSpec(name, "email", "marketing", HOUR * 24) for name in TEXTS}
    return list(LINTS["one_thing_at_a_time"].look(Subject(load(definition, messages=specs), TEXTS)))


@pytest.mark.row("S5-180")
def test_arms_that_differ_in_more_than_one_thing_are_remarked_on() -> None:
    (remark,) = one_thing(definition())
    assert remark.sentence == "The arms “a” and “b” differ in 2 things: the preview, the subject"
    assert remark.path == ("steps", 0, "then", 0, "split", "arms")
    assert one_thing(definition(arms={"a": [MAIL], "b": [{"email": "loud"}]})) == []
    assert one_thing(definition(winner="a")) == [], "it is over"


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
    assert all((lint.about or "").strip() and name == lint.name for name, lint in LINTS.items())


# --- of one flow: what is left alone, beside what is found (the planted faults of tests/content ask for that)


def said(lint: str, shown: dict[str, Shown] | None = None, **changes: Any) -> list[str]:
    return [remark.sentence for remark in LINTS[lint].look(Subject(flow(**changes), {}, shown or {}))]


def mails(*names: str, apart: str = "2d") -> list[Any]:
    return [step for name in names for step in ({"email": name}, {"wait": apart})][:-1]


NEWCOMERS = {"trigger": {"on": "newsletter_subscribed"}, "goal": None, "steps": mails("reminder", "last")}
AFTER_AN_ORDER = {"trigger": {"on": "order_placed"}, "goal": None, "steps": mails("reminder", "last")}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, False),
        ({"exit": ["unsubscribed"]}, True),
        # The goal ends it for any cart, or for this one only.
        ({"exit": ["unsubscribed"], "goal": {"on": "order_placed", "within": "3d"}}, False),
        ({"exit": [{"on": "order_placed", "where": {"event.total": {"gt": 5}}}]}, True),
        ({**NEWCOMERS, "exit": ["unsubscribed"]}, False),
        ({**NEWCOMERS, "exit": ["unsubscribed"], "audience": {"person.orders_count": 0}}, True),
        ({**NEWCOMERS, "exit": ["unsubscribed"], "audience": {"person.orders_count": {"gte": 1}}}, False),
        ({**NEWCOMERS, "exit": ["order_placed"], "audience": {"person.orders_count": 0}}, False),
        ({**AFTER_AN_ORDER, "exit": ["unsubscribed"]}, True),
        ({**AFTER_AN_ORDER, "exit": ["order_returned"]}, False),
        ({**AFTER_AN_ORDER, "exit": ["unsubscribed"], "steps": mails("reminder", "last", apart="3h")}, False),
        ({"trigger": {"on": "lapsed"}, "goal": None, "exit": ["unsubscribed"], "steps": mails("last")}, False),
        ({"trigger": {"on": "lapsed"}, "goal": None, "exit": ["unsubscribed"], "steps": mails("plain", "last")}, True),
        ({"trigger": {"on": "payment_still_pending"}, "goal": None, "exit": ["order_paid"]}, False),
        ({"trigger": {"on": "payment_still_pending"}, "goal": None, "exit": ["unsubscribed"]}, True),
    ],
)
def test_flows_that_go_on_although_it_is_over(changes: dict[str, Any], found: bool) -> None:
    given = {"steps": mails("reminder", "last"), **changes}
    assert bool(said("missing_exit", {"last": Shown(about_order=True)}, **given)) is found


def nested(outer: Any, inner: Any, *between: Any) -> dict[str, Any]:
    return {
        "steps": [{"when": outer, "then": [*between, {"when": inner, "then": [{"email": "proof"}]}]}, {"email": "last"}]
    }


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, 0),
        (nested({"event.total": {"gt": 50}}, {"event.total": {"gt": 80}}), 0),
        (nested({"event.total": {"gt": 50}}, {"event.total": {"lt": 20}}), 1),
        # What is known of a person may have changed by then, what the event has told has not.
        (nested({"person.orders_count": 0}, {"person.orders_count": 3}), 1),
        (nested({"person.orders_count": 0}, {"person.orders_count": 3}, {"wait": "1d"}), 0),
        (nested({"event.total": {"gt": 50}}, {"event.total": {"lt": 20}}, {"wait": "1d"}), 1),
        ({"audience": {"event.total": {"lt": 20}}, **nested({"event.total": 50}, {"event.total": 50})}, 1),
        ({"limit": "4d"}, 0),
        ({"limit": "1h"}, 1),
        # Not at all where the fact is not known: both may be not true.
        ({"steps": [{"when": {"person.orders_count": {"gt": 5}}, "else": [
            {"when": {"person.orders_count": {"lte": 5}}, "else": [{"email": "proof"}]}]}, {"email": "last"}]}, 0),
    ],
)  # fmt: skip
def test_steps_that_nobody_gets_to(changes: dict[str, Any], found: int) -> None:
    assert len(said("unreachable", **changes)) == found


def test_the_plan_is_what_the_machine_does() -> None:
    """Each message at the moment at which a run wants it to which nothing else happens; counted from the last change of
    the cart."""
    mine = flow(steps=[*flow().definition["steps"][:4], {"split": flow().definition["steps"][4]["split"]}])
    story = play(mine, entered(mine), abandoned().occurred_at)
    times = [at - abandoned().occurred_at + HOUR for _, at in sent(story)]
    ways = plan(mine).ways
    assert len(ways) == 3 and plan(mine).whole
    assert times in [[sending.at for sending in way.sendings] for way in ways]
    assert [[sending.at for sending in way.sendings] for way in ways if len(way.sendings) == 3] == [
        [HOUR, 4 * HOUR, 2 * DAY]
    ] * 2
    assert {name for way in ways for name in (sending.message.name for sending in way.sendings)} < set(MESSAGES)
