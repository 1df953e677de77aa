from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from flows.core import graph
from flows.core.canonical import canonical
from flows.core.model import FlowVersion, MessageSpec, Reentry, Step
from flows.core.problems import DefinitionError, Finder
from flows.core.validate import from_data, load, to_data
from tests.core.examples import DAY, MESSAGES, definition, flow
from tests.core.test_histories import FLOWS


def problems(**changes: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load(definition(**changes), messages=MESSAGES)
    return [str(problem) for problem in caught.value.problems]


def test_everything_is_reported_at_once_with_its_line() -> None:
    lines = {(): 1, ("nam",): 2, ("steps",): 5, ("steps", 0): 6, ("steps", 1): 7, ("steps", 1, "wait"): 7}
    data = definition(nam="x", name=None, steps=[{"email": "hello"}, {"wait": "x"}])
    with pytest.raises(DefinitionError) as caught:
        load(data, lines, "cart/flow.yaml", MESSAGES)
    places = [(problem.file, problem.line) for problem in caught.value.problems]
    assert places == [("cart/flow.yaml", line) for line in (1, 2, 6, 7)]


@pytest.mark.parametrize("data", [None, [], "flow", 7])
def test_what_is_no_flow_at_all(data: Any) -> None:
    with pytest.raises(DefinitionError, match="group of named entries"):
        load(data, messages=MESSAGES)


def test_a_message_of_another_channel() -> None:
    sms = {**MESSAGES, "last": MessageSpec("last", "sms", "marketing", DAY)}
    with pytest.raises(DefinitionError, match="The message “last” is written for sms"):
        load(definition(steps=[{"email": "last"}]), messages=sms)


def test_steps_nested_too_deep() -> None:
    steps: list[Any] = [{"email": "last"}]
    for _ in range(21):
        steps = [{"when": {"event.total": 1}, "then": steps}]
    assert any("nested more than 20 deep" in said for said in problems(steps=steps))


def _shape(steps: dict[str, Step]) -> list[str]:
    finder = Finder("flow.yaml", {})
    graph.check_shape("a", steps, {}, finder)
    return [problem.sentence for problem in finder.found]


def test_loops() -> None:
    """The language has no way to write a loop yet; the graph is checked all the same."""
    endless = {
        "a": Step("a", "when", None, {"then": "b", "else": None}),
        "b": Step("b", "when", None, {"then": "a", "else": None}),
    }
    assert _shape(endless) == ["From here the flow goes round without waiting"]
    waiting = {**endless, "b": Step("b", "wait", None, {"next": "a"})}
    assert _shape(waiting) == []
    stuck = {"a": Step("a", "wait", None, {"next": "a"})}
    assert _shape(stuck) == ["From here the flow never ends"]


def test_defaults() -> None:
    plain = load(
        {"flow": "hi", "name": "Hi", "trigger": {"on": "newsletter_subscribed"}, "steps": [{"email": "last"}]},
        messages=MESSAGES,
    )
    assert (plain.reentry, plain.priority, plain.cap) == (Reentry("never"), 50, "count")
    assert plain.hold_after_purchase == 7 * DAY
    assert (plain.goal, plain.exits, plain.audience, plain.hold_out) == (None, ("unsubscribed",), None, None)
    assert set(plain.messages) == {"last"}


def test_flows_about_buying_are_not_held_back_after_a_purchase() -> None:
    assert flow().hold_after_purchase is None
    assert flow(hold_after_purchase="2d").hold_after_purchase == 2 * DAY
    other = {"on": "newsletter_subscribed"}
    free = flow(trigger=other, goal=None, hold_after_purchase="none", steps=[{"email": "last"}])
    assert free.hold_after_purchase is None


def test_needs_are_those_of_the_conditions_and_steps() -> None:
    bare = flow(steps=[{"email": "last"}])
    assert bare.needs == frozenset()
    assert flow().needs == {"person", "shop"}
    assert flow(steps=[{"email": "last"}], not_while_in=["x"], hold_out=5).needs == {"person", "flows"}
    assert flow(steps=[{"email": "last"}], audience={"checkout.total": {"gt": 1}}).needs == {"checkout"}


def test_steps_have_names_of_their_own() -> None:
    named = flow(
        steps=[
            {"email": "last"},
            {"wait": "1h"},
            {"email": "last"},
            {"wait": "1h", "id": "long-wait"},
            {"wait": "1h"},
        ]
    )
    assert list(named.steps) == ["email-last", "wait", "email-last-2", "long-wait", "wait-2"]


def _as_stored(data: dict[str, Any]) -> dict[str, Any]:
    # JSONB keeps no order of keys.
    stored: dict[str, Any] = json.loads(json.dumps(data, sort_keys=True))
    return stored


def test_a_stored_flow_compiles_to_the_same_flow() -> None:
    cart = flow()
    assert from_data(_as_stored(to_data(cart)), version=0) == cart
    assert from_data(_as_stored(to_data(cart)), version=4).version == 4


@settings(max_examples=40, deadline=None)
@given(FLOWS)
def test_storing_keeps_the_meaning_of_any_flow(any_flow: FlowVersion) -> None:
    again = from_data(_as_stored(to_data(any_flow)))
    assert again == any_flow and list(again.steps) == list(any_flow.steps)
    assert canonical(any_flow.definition) == dict(any_flow.definition)
