"""Comparing: everybody is in one arm and stays there, flows of a test fit together, and nobody has won too early."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.advice import advice
from flows.core import chance
from flows.core.enrol import enrol
from flows.core.experiments import LEAST_RECIPIENTS, Entry, Standing, contradictions, drawn, outcome
from flows.core.lints.one_thing_at_a_time import things
from flows.core.machine import advance
from flows.core.model import Entered, Note, Run
from flows.core.problems import DefinitionError
from flows.core.validate import from_data, load, to_data
from flows.definition_files import compile_texts, parse, to_text
from tests.core.broken_flows import split, trigger
from tests.core.examples import FACTS, MESSAGES, T0, abandoned, definition, entered, event, play

DOCS = Path(__file__).parents[2] / "docs"
SHARES = {"email": 50, "sms": 50}


def arm(name: str, **test: Any) -> Any:
    said = {"name": "cart-sms", "arm": name, "shares": SHARES, **test}
    return load(definition(flow=f"cart-{name}", test=said), messages=MESSAGES)


def facts(seed: str) -> dict[str, Any]:
    return {**FACTS, "person": {**FACTS["person"], "seed": seed}}


def taken(flows: list[Any], seed: str, **checkout: Any) -> list[str]:
    """The arms that let this person in."""
    trigger_event = abandoned(**checkout)
    answers = [(flow, enrol(flow, trigger_event, [], [], facts(seed), T0)) for flow in flows]
    assert all(answer.code == "other_arm" for _, answer in answers if isinstance(answer, Note))
    return [flow.test.arm for flow, answer in answers if isinstance(answer, Run)]


@pytest.mark.row("S5-160")
def test_everybody_is_in_exactly_one_arm_of_a_test_and_stays_in_it() -> None:
    both = [arm("email"), arm("sms")]
    arms = {str(n): taken(both, str(n)) for n in range(2000)}
    assert all(len(found) == 1 for found in arms.values())
    counts = Counter(found[0] for found in arms.values())
    assert abs(counts["email"] - 1000) < 4 * (2000 * 0.25) ** 0.5
    again = {seed: taken(both, seed, token="another") for seed in arms}
    assert again == arms
    # The control: flows that draw each for themselves take some people twice and others not at all.
    apart = [load(definition(flow=f"cart-{n}", hold_out=50), messages=MESSAGES) for n in (1, 2)]
    drawn_apart = [
        sum(isinstance(enrol(flow, abandoned(), [], [], facts(str(n)), T0), Run) for flow in apart) for n in range(50)
    ]
    assert {0, 2} <= set(drawn_apart)


@pytest.mark.row("S5-183")
def test_the_winner_takes_everybody_who_comes() -> None:
    both = [arm("email", winner="sms"), arm("sms", winner="sms")]
    assert {tuple(taken(both, str(n))) for n in range(200)} == {("sms",)}


def test_whoever_is_held_out_of_a_test_takes_no_flow_and_no_winner_either() -> None:
    shares = {"email": 40, "sms": 40, "hold_out": 20}
    running = [arm(name, shares=shares) for name in SHARES]
    over = [arm(name, shares=shares, winner="email") for name in SHARES]
    arms = {str(n): taken(running, str(n)) for n in range(300)}
    out = {seed for seed, found in arms.items() if not found}
    assert 30 < len(out) < 90
    assert {seed for seed in arms if not taken(over, seed)} == out


def test_a_split_with_a_winner_sends_everybody_there_who_comes_to_it() -> None:
    def arms_of(**changes: Any) -> dict[str, str]:
        step = split(shares={"a": 40, "b": 40, "hold_out": 20})
        step["split"] |= changes
        of = load(definition(steps=[step, {"email": "last"}]), messages=MESSAGES)
        found = {}
        for seed in map(str, range(150)):
            run = enrol(of, abandoned(), [], [], facts(seed), T0)
            assert isinstance(run, Run)
            found[seed] = advance(of, run, Entered(), facts(seed), T0).run.vars["split.ab"]
        return found

    before, after = arms_of(), arms_of(winner="b", learned="b reads better on telephones")
    assert set(before.values()) == {"a", "b", "hold_out"}
    assert {seed: "b" if found == "a" else found for seed, found in before.items()} == after


def test_whoever_has_passed_the_split_keeps_their_arm() -> None:
    """The run keeps its version, and what it drew."""
    of = load(definition(steps=[split(), {"wait": "3h"}, {"email": "last"}]), messages=MESSAGES)
    first = entered(of)
    drew = first.run.vars["split.ab"]
    other = "b" if drew == "a" else "a"
    step = split()
    step["split"]["winner"] = other
    won = load(definition(steps=[step, {"wait": "3h"}, {"email": "last"}]), messages=MESSAGES)
    assert [transition.run.vars["split.ab"] for _, transition in play(won, first, T0)] == [drew] * 3


def test_arms_do_not_hang_on_the_order_in_which_a_file_names_them() -> None:
    """Stored as JSON they come back in another one."""
    one, other = (arm("sms", shares=shares) for shares in (SHARES, dict(reversed(SHARES.items()))))
    assert [taken([one], str(n)) for n in range(100)] == [taken([other], str(n)) for n in range(100)]
    # The control: drawn by the order given, some change their arm.
    assert any(drawn(SHARES, None, str(n)) != drawn(dict(reversed(SHARES.items())), None, str(n)) for n in range(100))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"arm": "email", "shares": {"email": 50, "sms": 40}}, "“shares”: the shares sum to 90, they must sum to 100."),
    ({"arm": "push", "shares": SHARES}, "“arm”: “push” has no share; the arms are email, sms."),
    (
        {"arm": "hold_out", "shares": {"email": 50, "hold_out": 50}},
        "“arm”: “hold_out” has no share; the arms are email.",
    ),
    (
        {"arm": "email", "shares": SHARES, "winner": "push"},
        "“winner”: “push” cannot be the winner; the arms are email, sms.",
    ),
    ({"arm": "email"}, "“shares” is missing. Add it."),
]


@pytest.mark.parametrize(("test", "said"), WRONG)
def test_what_is_wrong_with_a_test(test: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(definition(test={"name": "cart-sms", **test}), messages=MESSAGES)
    assert [str(problem) for problem in caught.value.problems] == [f"flow.yaml: {said}"]


def test_a_split_cannot_be_won_by_who_is_not_in_it() -> None:
    for winner in ("c", "hold_out"):
        step = split(shares={"a": 50, "b": 40, "hold_out": 10})
        step["split"]["winner"] = winner
        with pytest.raises(DefinitionError, match=f"“{winner}” cannot be the winner; the arms are a, b"):
            load(definition(steps=[step]), messages=MESSAGES)


def entry(flow: str, arm: str = "email", **changes: Any) -> Entry:
    said = {"name": "cart-sms", "arm": arm, "shares": SHARES}
    return Entry(flow, {**said, **changes.pop("test", {})}, changes.pop("trigger", trigger()), **changes)


@pytest.mark.row("S5-160")
@pytest.mark.parametrize(
    ("second", "said"),
    [
        (entry("b", "sms"), None),
        (entry("b", "sms", test={"name": "another", "shares": {"sms": 10, "email": 90}}), None),
        (entry("b"), "The test “cart-sms” has two flows for the arm “email”: a and b"),
        (entry("b", "sms", test={"shares": {"sms": 10, "email": 90}}), "has other shares in a than in b"),
        (entry("b", "sms", test={"winner": "sms"}), "has other winner in a than in b"),
        (entry("b", "sms", trigger=trigger(after="2h")), "compares flows with one trigger, but a and b have two"),
        (entry("b", "sms", audience={"person.country": "FR"}), "but a and b have other audiences"),
    ],
)
def test_flows_of_one_test_fit_together(second: Entry, said: str | None) -> None:
    found = contradictions([entry("a"), second])
    assert [(flow, said in sentence) for flow, sentence in found] == ([("b", True)] if said else []), found


@pytest.mark.row("S5-181")
@pytest.mark.parametrize(
    ("arms", "winner"),
    [
        ({"a": (999, 300), "b": (5000, 500)}, None),
        ({"a": (1000, 300), "b": (1000, 200)}, "a"),
        # In front by so little that chance may have brought it.
        ({"a": (1000, 110), "b": (1000, 100)}, None),
        ({"a": (50_000, 5500), "b": (50_000, 5000)}, "a"),
        ({"a": (1000, 0), "b": (1000, 0)}, None),
        ({"a": (1000, 1000), "b": (1000, 1000)}, None),
        # Who is held out got nothing, and is no arm that could win or have too few.
        ({"a": (1000, 300), "b": (1000, 200), "hold_out": (10, 10)}, "a"),
        ({"a": (1000, 300)}, None),
        # Against each of three others, the best must be in front of all.
        ({"a": (1000, 140), "b": (1000, 110), "c": (1000, 100), "d": (1000, 100)}, None),
        ({"a": (1000, 140), "b": (1000, 108)}, "a"),
    ],
)
def test_who_has_won(arms: dict[str, tuple[int, int]], winner: str | None) -> None:
    found = outcome({arm: Standing(*counts) for arm, counts in arms.items()})
    assert found.winner == winner and (winner or "No winner" in found.why or "nothing to compare" in found.why)


def test_why_nobody_has_won_yet_says_how_many_there_are() -> None:
    found = outcome({"a": Standing(999, 300), "b": Standing(12, 1)})
    assert found.why == f"No winner yet: each arm needs {LEAST_RECIPIENTS:,} recipients, and a has 999, b has 12."


def test_equal_arms_seldom_seem_to_differ() -> None:
    """At 5 % doubt one test in twenty of equals is called; drawn from the product's own chance."""
    called = 0
    for n in range(60):
        counts = {
            arm: Standing(1000, sum(chance.draw(arm, str(n), str(one)) < 10 for one in range(1000))) for arm in "ab"
        }
        called += outcome(counts).winner is not None
    assert called < 9


def test_history_of_an_order_is_no_trigger_of_a_test() -> None:
    assert enrol(arm("email"), event("order_placed", T0), [], [], FACTS, T0) is None


# What can be compared, each in a split of its own, with the files of the messages as they are written.

MAIL = (
    "---\nsubject: {subject}\npurpose: marketing\n---\n<p>{text}</p>\n\n"
    "{{% render 'button', label: \"{label}\", url: shop.url %}}\n"
)
PLAIN = {"subject": "Your cart", "text": "Hello", "label": "Buy"}
TRIED: list[Any] = [
    pytest.param({"subject": "Still yours"}, None, "the subject", marks=pytest.mark.row("S5-173")),
    pytest.param({}, {"wait": {"until": "18:00"}}, "the wait", marks=pytest.mark.row("S5-174")),
    pytest.param({"text": "Hello and much more"}, None, "the text", marks=pytest.mark.row("S5-175")),
    pytest.param({"label": "Take me there"}, None, "the button", marks=pytest.mark.row("S5-176")),
    pytest.param(
        {}, {"coupon": {"as": "offer", "percent": 15, "valid": "3d"}}, "the discount", marks=pytest.mark.row("S5-177")
    ),
    pytest.param({}, {"email": "one"}, "the number of messages", marks=pytest.mark.row("S5-178")),
    pytest.param({}, {"wait": "5d"}, "the wait", marks=pytest.mark.row("S5-179")),
]


@pytest.mark.parametrize(("written", "step", "thing"), TRIED)
def test_each_element_can_be_tried_by_itself(written: dict[str, str], step: dict[str, Any] | None, thing: str) -> None:
    texts = {"one": MAIL.format(**PLAIN), "other": MAIL.format(**{**PLAIN, **written})}
    arms = {"a": [{"email": "one"}], "b": [*([step] if step else []), {"email": "other"}]}
    step_of_both = split()
    step_of_both["split"]["arms"] = arms
    data = definition(trigger={"on": "order_placed"}, goal=None, exit=None, reentry="always", steps=[step_of_both])
    folder = compile_texts(to_text(data), texts)
    assert advice(folder) == [], "one thing at a time"
    said = {name: {"subject": text.splitlines()[1], "body": text.split("---\n")[2]} for name, text in texts.items()}
    assert things(arms["a"], arms["b"], said) == {thing}
    wanted = set()
    for seed in map(str, range(20)):
        run = enrol(folder.flow, event("order_placed", T0), [], [], facts(seed), T0)
        assert isinstance(run, Run)
        moved = advance(folder.flow, run, Entered(), facts(seed), T0)
        # What each arm does first: it sends, waits, or has a code made.
        wanted.add((moved.run.at, tuple(effect.message for effect in moved.effects)))
    assert len(wanted) == 2, "each arm does its own"


@pytest.mark.row("S5-182")
def test_what_was_learned_is_kept_with_the_version() -> None:
    step = split()
    step["split"] |= {"winner": "b", "learned": "shorter is better"}
    said = {"name": "cart-sms", "arm": "email", "shares": SHARES, "learned": "texts bring little"}
    stored = to_data(load(definition(steps=[step], test=said), messages=MESSAGES))
    assert (stored["steps"][0]["split"]["learned"], stored["test"]["learned"]) == (
        "shorter is better",
        "texts bring little",
    )
    assert to_data(from_data(stored)) == stored


@pytest.mark.parametrize("page", ["comparing", "schedules"])
def test_the_flows_in_the_pages_can_be_loaded(page: str) -> None:
    found = re.findall(r"```yaml\n(.*?)```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    for text in found:
        data, lines = parse(text)
        assert load(data, lines, messages=MESSAGES).steps
