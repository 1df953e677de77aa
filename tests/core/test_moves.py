"""Flows that put people into one another, held against each other before they are published."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core import moves, together
from flows.core.model import FlowVersion
from flows.core.validate import load
from tests.core.examples import MESSAGES, definition

WAIT: dict[str, Any] = {"wait": "1h"}


def named(name: str, *steps: Any, **changes: Any) -> FlowVersion:
    return load(definition(flow=name, exit=[], goal=None, steps=list(steps), **changes), messages=MESSAGES)


def by_name(*flows: FlowVersion) -> dict[str, FlowVersion]:
    return {flow.flow: flow for flow in flows}


def said(flow: FlowVersion, *others: FlowVersion) -> list[tuple[Any, str]]:
    return [(path, sentence) for path, sentence, _ in together.check(flow, by_name(*others, flow))]


OTHER = named("other", {"email": "last"})


def test_a_flow_that_is_there() -> None:
    assert said(named("a", {"move_to": "other"}), OTHER) == []
    assert moves.targets(named("a", {"enter": "other"}, {"move_to": "third"})) == {"other", "third"}


def test_a_flow_that_is_not_there() -> None:
    flow = named("a", WAIT, {"when": {"event.total": 5}, "then": [{"enter": "othr"}]}, {"move_to": "nowhere"})
    found = together.check(flow, by_name(OTHER))
    assert found == [
        (("steps", 1, "then", 0, "enter"), "There is no flow “othr” to put people into", "Did you mean “other”?"),
        (("steps", 2, "move_to"), "There is no flow “nowhere” to put people into", "Did you mean “other”?"),
    ]
    assert together.check(named("a", {"enter": "b"}), {})[0][2] == "There is no other flow yet"


def test_an_exit_rule_that_moves_people() -> None:
    cart = load(definition(exit=["cart_cleared", {"on": "order_paid", "move_to": "post-purchase"}]), messages=MESSAGES)
    assert said(cart, OTHER) == [(("exit", 1, "move_to"), "There is no flow “post-purchase” to put people into")]
    assert said(cart, named("post-purchase", {"email": "last"})) == []


def test_a_flow_that_puts_people_into_itself() -> None:
    assert said(named("a", WAIT, {"enter": "a"})) == [(("steps", 1, "enter"), "It puts people into itself")]


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ([{"enter": "b"}], "a → b → a"),
        ([{"when": {"event.total": 5}, "then": [{"move_to": "b"}]}, {"email": "last"}], "a → b → a"),
        # A message may be left out, and a date may have passed: no time is sure to pass there.
        ([{"email": "last"}, {"move_to": "b"}], "a → b → a"),
        ([{"wait": {"until": "2026-11-01 09:00"}}, {"move_to": "b"}], "a → b → a"),
        ([{"wait": {"until": "event.anchor_at"}}, {"move_to": "b"}], "a → b → a"),
        ([WAIT, {"move_to": "b"}], None),
        ([{"wait": {"until": "monday 09:00"}}, {"enter": "b"}], None),
        ([{"wait": {"for": "order_paid", "at_most": "1d"}, "then": [{"enter": "b"}]}], None),
    ],
)
def test_people_are_not_handed_round_in_one_moment(steps: list[Any], way: str | None) -> None:
    back = named("b", {"enter": "a"}, {"email": "last"})
    sentences = [sentence for _, sentence in said(named("a", *steps), back)]
    assert sentences == ([f"People go round without waiting: {way}"] if way else [])


def test_a_longer_way_round() -> None:
    a, b, c = named("a", {"enter": "b"}), named("b", {"enter": "c"}), named("c", {"move_to": "a"})
    assert [sentence for _, sentence in said(a, b, c)] == ["People go round without waiting: a → b → c → a"]
    waiting = named("b", WAIT, {"enter": "c"})
    assert said(a, waiting, c) == [] and said(c, a, waiting) == []
    # One that leads into a circle of others is not itself in it.
    assert said(named("x", {"enter": "a"}), a, b, c) == []


def test_flows_of_one_test_have_to_fit_together() -> None:
    def arm(name: str, **changes: Any) -> FlowVersion:
        test = {"name": "cart-sms", "arm": name, "shares": {"email": 50, "sms": 50}}
        return named(f"cart-{name}", {"email": "last"}, test=test, **changes)

    assert said(arm("sms"), arm("email")) == []
    ((path, sentence),) = said(arm("sms", audience={"person.country": "FR"}), arm("email"))
    assert path == ("test",) and "other audiences" in sentence
