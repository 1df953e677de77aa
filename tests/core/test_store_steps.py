"""Steps that change something in the store or at Brevo: what may be written, what they want done, how they go on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.core import standing
from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import EffectDone, Entered, Happened, Note, Run, Transition
from flows.core.validate import DefinitionError, load
from tests.core.examples import DAY, FACTS, T0, event

HOUR = timedelta(hours=1)
TAG = {"tag": {"add": ["VIP"], "remove": ["lead"]}}


def flow(*steps: dict[str, Any], **changes: Any) -> Any:
    trigger = {"on": "order_placed"}
    return load({"flow": "f", "name": "F", "trigger": trigger, "reentry": "always", "steps": list(steps), **changes})


def begun(of: Any, facts: dict[str, Any] = FACTS, **props: Any) -> Transition:
    run = enrol(of, event("order_placed", T0, **props), [], [], facts, T0)
    assert isinstance(run, Run), run
    return advance(of, run, Entered(), facts, T0)


def done(of: Any, transition: Transition, outcome: str = "accepted", reason: str = "", **result: Any) -> Transition:
    (effect,) = transition.effects
    return advance(of, transition.run, EffectDone(effect.key, outcome, reason, T0, result), FACTS, T0)


WANTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (TAG, {"add": ["VIP"], "remove": ["lead"], "caused_by": ["f"]}),
    ({"tag": {"add": [" VIP ", "VIP"]}}, {"add": ["VIP"], "remove": [], "caused_by": ["f"]}),
    ({"list": {"add": "Quiz", "remove": 7}}, {"add": "Quiz", "remove": 7}),
    ({"points": {"add": -5, "reason": "Late"}}, {"add": -5, "reason": "Late", "caused_by": ["f"]}),
    ({"tier": {"set": "Gold"}}, {"set": "Gold", "caused_by": ["f"]}),
    ({"tier": {"move": "down"}}, {"move": "down", "caused_by": ["f"]}),
    (
        {"attribute": {"A": "event.total", "B": True, "C": "event.currency", "D": "person.tags"}},
        {"values": {"A": "60.00", "B": True, "D": ["vip"]}},
    ),
    (
        {"shopify_flow": "won", "payload": {"Total": "event.total", "Kind": "cart", "Code": "event.currency"}},
        {"handle": "won", "payload": {"Total": "60.00", "Kind": "cart"}},
    ),
]


@pytest.mark.row("S5-064")
@pytest.mark.parametrize(("step", "data"), WANTED, ids=[" ".join(step) for step, _ in WANTED])
def test_a_step_says_what_is_wanted_and_goes_on_whatever_became_of_it(
    step: dict[str, Any], data: dict[str, Any]
) -> None:
    facts = {**FACTS, "person": {**FACTS["person"], "tags": ["vip"]}}
    of = flow(step, {"end": "there"})
    parked = begun(of, facts, total="60.00", currency=None)
    (effect,) = parked.effects
    kind = next(name for name in ("tag", "list", "points", "tier", "attribute", "shopify_flow") if name in step)
    assert (effect.channel, effect.message, effect.data) == (kind, "", data)
    for outcome, reason in (("accepted", ""), ("skipped", "no_scope"), ("failed", "no")):
        after = done(of, parked, outcome, reason, told=1)
        assert after.run.outcome == "there"
        line = next(one for one in after.trail if one.step != after.run.at and one.code != "finished")
        assert dict(line.detail) == ({"told": 1} if outcome == "accepted" else {"reason": reason})
        assert line.code == f"{kind}_{outcome}" or outcome == "accepted"


def test_attributes_of_which_nothing_is_known_are_not_asked_for() -> None:
    of = flow({"attribute": {"A": "event.currency"}})
    over = begun(of, total="60.00")
    assert not over.effects and [line.code for line in over.trail][1] == "attribute_skipped"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tag": {}}, "say which tags"),
    ({"tag": {"add": []}}, "Length"),
    ({"tag": {"add": ["a, b"]}}, "without commas"),
    ({"tag": {"add": ["VIP"], "remove": ["vip"]}}, "given and taken away"),
    ({"list": {}}, "say which list"),
    ({"list": {"add": ""}}, "name of a list"),
    ({"list": {"add": 3, "remove": 3}}, "the same list"),
    ({"attribute": {"low": 1}}, "capitals"),
    ({"attribute": {}}, "Length"),
    ({"attribute": {"A": None}}, "is empty"),
    ({"attribute": {"A": [1]}}, "write a text"),
    ({"attribute": {"A": "event.nothing"}}, "does not carry “event.nothing”"),
    ({"attribute": {"A": "person.shoe_size"}}, "is no field"),
    ({"points": {"add": 0}}, "“add”: Invalid input"),
    ({"points": {"reason": "x"}}, "“add” is missing"),
    ({"points": {"add": "50"}}, "number"),
    ({"tier": {}}, "either set"),
    ({"tier": {"set": "Gold", "move": "up"}}, "either set"),
    ({"tier": {"move": "sideways"}}, "up, down"),
    ({"shopify_flow": "Won"}, "small letters"),
    ({"shopify_flow": "won", "payload": {"total_1": 1}}, "letters and spaces"),
    ({"shopify_flow": "won", "payload": {"Total": "event.nothing"}}, "does not carry"),
]


@pytest.mark.parametrize(("step", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_its_author_may_get_wrong_is_said(step: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError) as found:
        flow(step)
    assert says in "\n".join(str(problem) for problem in found.value.problems)


@pytest.mark.parametrize("again", ["never", "always"])
def test_no_flow_is_started_by_what_it_has_led_to(again: str) -> None:
    """By another one's doing it is."""
    of = load({"flow": "f", "name": "F", "trigger": {"on": "tag_added"}, "reentry": again, "steps": [TAG]})
    own = enrol(of, event("tag_added", T0, tag="a", caused_by=["g", "f"]), [], [], FACTS, T0)
    assert isinstance(own, Note) and own.code == "moved_in_circles"
    others = enrol(of, event("tag_added", T0, tag="a", caused_by=["g"]), [], [], FACTS, T0)
    assert isinstance(others, Run)
    assert standing.causes(others, T0 + HOUR) == ["g", "f"]
    # What goes round as slowly as this was meant to.
    assert standing.causes(others, T0 + DAY) == []


def test_nor_does_it_begin_anew_with_it() -> None:
    trigger = {"on": "tag_added"}
    of = load(
        {"flow": "f", "name": "F", "trigger": trigger, "restart": {"on": ["tag_added"]}, "steps": [{"wait": "1d"}]}
    )
    run = enrol(of, event("tag_added", T0, tag="a"), [], [], FACTS, T0)
    assert isinstance(run, Run)
    run = advance(of, run, Entered(), FACTS, T0).run

    def outcome(**props: Any) -> str | None:
        return advance(of, run, Happened(event("tag_added", T0 + HOUR, tag="b", **props)), FACTS, T0 + HOUR).run.outcome

    assert outcome(caused_by=["f"]) is None and outcome(caused_by=["g"]) == outcome() == "restarted"


def test_what_a_flow_hands_on_keeps_whose_doing_it_was_for_a_day() -> None:
    of = flow({"end": "x"})
    run = enrol(of, event("order_placed", T0, total="1", caused_by=["g"]), [], [], FACTS, T0)
    assert isinstance(run, Run)
    assert standing.handed_on(run, run.trigger, T0 + HOUR)["caused_by"] == ["g"]
    assert "caused_by" not in standing.handed_on(run, run.trigger, T0 + DAY)
