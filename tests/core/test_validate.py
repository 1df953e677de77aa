from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from flows.core import graph
from flows.core.canonical import canonical
from flows.core.model import FlowVersion, MessageSpec, Reentry, Step
from flows.core.problems import DefinitionError, Finder
from flows.core.steps import STEPS
from flows.core.validate import from_data, load, to_data
from tests.core.examples import DAY, MESSAGES, definition, flow
from tests.core.test_histories import FLOWS


def problems(**changes: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load(definition(**changes), messages=MESSAGES)
    return [str(problem) for problem in caught.value.problems]


def trigger(**changes: Any) -> dict[str, Any]:
    merged = {**definition()["trigger"], **changes}
    return {name: value for name, value in merged.items() if value is not None}


def split(**changes: Any) -> dict[str, Any]:
    return {"split": {"name": "ab", "shares": {"a": 50, "b": 50}, "arms": {"a": [], "b": []}, **changes}}


# What is changed in a good flow, and what its author then reads.
KINDS = ", ".join(STEPS)
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"flow": None}, "“flow” is missing. Add it."),
    ({"flow": "Cart Recovery"}, "“flow”: use small letters, digits and dashes."),
    ({"name": 7}, "“name” must be a text. Put it in quotes."),
    ({"nam": "Cart"}, "“nam” is not known here. Did you mean “name”?"),
    ({"trigger": None}, "“trigger” is missing. Add it."),
    ({"trigger": "checkout_abandoned"}, "“trigger” must be a group of named entries. Write {name: value}."),
    (
        {"trigger": trigger(on="checkout_abandonned")},
        "“on”: “checkout_abandonned” is no event here. Did you mean “checkout_abandoned”?",
    ),
    (
        {"trigger": trigger(after="one hour")},
        "“after”: “one hour” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ),
    (
        {"trigger": {"on": "newsletter_subscribed", "after": "1h"}, "goal": None, "steps": [{"email": "last"}]},
        "“newsletter_subscribed” has no clock, so “after” means nothing here. Begin with a wait.",
    ),
    (
        {"trigger": trigger(key="checkout_token")},
        "“key”: “checkout_token” must name a field of the event, such as event.checkout_token.",
    ),
    (
        {"trigger": trigger(key="event.token")},
        "“checkout_abandoned” does not carry “event.token”. It has checkout_token, anchor_at, after_seconds, "
        "items, total, currency, recovery_url.",
    ),
    (
        {"trigger": trigger(key=None)},
        "The goal must match the trigger's key, but there is none. Add trigger.key.",
    ),
    (
        {"trigger": trigger(where={})},
        "“where”: The condition is empty and would be true for everybody. Name a field, or drop it.",
    ),
    (
        {"trigger": trigger(where={"event.totl": {"gt": 0}})},
        "“event.totl” is no field. Did you mean “event.total”?",
    ),
    (
        {"audience": {"person.order_count": 0}},
        "“person.order_count” is no field. Did you mean “person.orders_count”?",
    ),
    (
        {"audience": {"person.orders_count": {"more": 0}}},
        "“audience”: “more” is no way to compare person.orders_count; choose from eq, ne, gt, gte, lt, lte, in, "
        "not_in, contains, exists, before, after.",
    ),
    ({"reentry": "sometimes"}, "“reentry”: write never, always, or for example {after: 30d}."),
    ({"reentry": {"after": "x"}}, "“reentry”: “x” is no length of time; write for example 90m, 3h, 2d or 1w."),
    ({"priority": 101}, "“priority”: Must be greater than or equal to 0 and less than or equal to 100."),
    ({"priority": "high"}, "“priority” must be a whole number."),
    ({"cap": "none"}, "“cap”: Must be one of: count, own, exempt."),
    ({"goal": {"on": "order_placed"}}, "“within” is missing. Add it."),
    ({"exit": "order_placed"}, "“exit” must be a list. Begin each entry with a dash, or write [one, other]."),
    ({"exit": ["bought"]}, "“exit”: “bought” is no event here."),
    ({"hold_out": 100}, "“hold_out”: Must be greater than or equal to 1 and less than or equal to 90."),
    ({"messages": {}}, "“messages” is filled in from the files in messages/. Leave it out."),
    ({"steps": None}, "“steps” is missing. Add it."),
    ({"steps": []}, "“steps”: a flow needs at least one step."),
    ({"steps": [{"sms": "last"}]}, "The message “last” is written for email."),
    ({"steps": [{"emial": "last"}]}, f"“emial” is no step. Each step is one of {KINDS}."),
    ({"steps": ["email"]}, f"“'email'” is no step. Each step is one of {KINDS}."),
    (
        {"steps": [{"email": "last", "wait": "3h"}]},
        f"“email, wait”: two steps in one entry. Each step is one of {KINDS}.",
    ),
    (
        {"steps": [{"email": "hello"}]},
        "The message “hello” does not exist. Add messages/hello. There are countdown, last, plain, proof, reminder.",
    ),
    (
        {"steps": [{"email": "last", "subject": "Hi"}]},
        "“subject” is not known here. Known are email, id, note.",
    ),
    (
        {"steps": [{"wait": "500d"}]},
        "“500d” is longer than 400 days.",
    ),
    (
        {"steps": [{"wait": 3}]},
        "wait needs a length of time such as 3h, or {until: +24h from trigger}, or {until: “09:00”}.",
    ),
    (
        {"steps": [{"wait": {"until": 9}}]},
        "wait needs a length of time such as 3h, or {until: +24h from trigger}, or {until: “09:00”}.",
    ),
    (
        {"steps": [{"wait": {"until": "09:00", "on": "monday"}}]},
        "wait needs a length of time such as 3h, or {until: +24h from trigger}, or {until: “09:00”}.",
    ),
    ({"steps": [{"wait": {"until": "+24h"}}]}, "“+24h”: write for example “+24h from trigger”."),
    ({"steps": [{"wait": {"until": "9 am"}}]}, "“9 am” is no time of day; write for example 09:00 or 18:30."),
    (
        {"steps": [{"when": {"event.total": 5}}]},
        "“when”: it has neither “then” nor “else” steps and decides nothing.",
    ),
    (
        {"steps": [{"when": {}, "then": [{"email": "last"}]}]},
        "The condition is empty and would be true for everybody. Name a field, or drop it.",
    ),
    (
        {"steps": [{"when": {"person.cty": "x"}, "then": [{"email": "last"}]}]},
        "“person.cty” is no field. Did you mean “person.city”?",
    ),
    (
        {"steps": [{"when": {"event.total": 5}, "then": [{"wiat": "3h"}]}]},
        f"“wiat” is no step. Each step is one of {KINDS}.",
    ),
    ({"steps": [split(shares={"a": 50, "b": 40})]}, "“shares”: the shares sum to 90, they must sum to 100."),
    ({"steps": [split(arms={"a": [], "b": [], "c": []})]}, "“arms”: “c” has steps but no share."),
    (
        {"steps": [split(arms={"a": []})]},
        "“shares”: “b” has a share but no steps; write b: [] to go straight on.",
    ),
    (
        {"steps": [split(shares={"a": 90, "hold_out": 10}, arms={"a": [], "hold_out": []})]},
        "“arms”: hold_out has no steps; leave it out of the arms.",
    ),
    ({"steps": [split(shares={"a": 50.5, "b": 50})]}, "“a” must be a whole number."),
    (
        {"steps": [{"end": "done"}, {"email": "last"}]},
        "Nobody ever gets here: the flow has ended before. Remove the step.",
    ),
    (
        {"steps": [{"wait": "1h", "id": "a"}, {"wait": "1h", "id": "a"}]},
        "Two steps are called “a”. Give one of them another id.",
    ),
]


@pytest.mark.parametrize(("changes", "said"), BROKEN, ids=[said[:60] for _, said in BROKEN])
def test_what_the_author_of_a_broken_flow_reads(changes: dict[str, Any], said: str) -> None:
    found = problems(**changes)
    assert len(found) == 1, found
    assert found[0].startswith(f"flow.yaml: {said}")


def test_the_flow_that_is_broken_above_is_fine() -> None:
    """The control: the problems come from the changes."""
    assert flow().flow == "cart"
    assert load(definition(steps=[split()]), messages=MESSAGES).steps


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
    assert (plain.goal, plain.exits, plain.audience, plain.hold_out) == (None, (), None, None)
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


@settings(max_examples=80, deadline=None)
@given(FLOWS)
def test_storing_keeps_the_meaning_of_any_flow(any_flow: FlowVersion) -> None:
    again = from_data(_as_stored(to_data(any_flow)))
    assert again == any_flow and list(again.steps) == list(any_flow.steps)
    assert canonical(any_flow.definition) == dict(any_flow.definition)
