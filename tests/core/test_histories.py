"""Random histories: whatever happens in whatever order, the promises of the machine hold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import (
    EffectDone,
    Entered,
    FlowVersion,
    Happened,
    Run,
    Stimulus,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.steps.wait import longest
from flows.core.validate import load
from tests.core.examples import FACTS, MESSAGES, T0, abandoned, definition, event

_leaf_steps = st.one_of(
    st.sampled_from(sorted(MESSAGES)).map(lambda name: {"email": name}),
    st.integers(1, 96).map(lambda hours: {"wait": f"{hours}h"}),
    st.integers(1, 240).map(lambda hours: {"wait": {"until": f"+{hours}h from trigger"}}),
    st.sampled_from(
        ["02:30", "09:00", "23:59", "tomorrow 00:00", "sunday 02:30", "weekday 09:00", "2026-11-05 09:00"]
        + ["+1d from trigger at 09:00", "-2h from event.anchor_at", "event.anchor_at"]
    ).map(lambda until: {"wait": {"until": until}}),
    st.sampled_from(
        [
            {"suppress": "sms"},
            {"enter": "other"},
            {"when": {"event.total": {"gt": 70}}, "then": [{"move_to": "other"}]},
            {"email": "last", "only_for": {"person.country": "FR"}, "on_cap": "drop"},
        ]
    ),
)
_conditions = st.sampled_from(
    [
        {"event.total": {"gte": 50}},
        {"event.total": {"between": ["20 EUR", "90 EUR"]}},
        {"now.weekday": {"in": ["monday", "friday"]}},
        {"person.total_spent": {"gt": 1}},
        {"not": {"person.consent.email": "subscribed"}},
        {"any": [{"person.orders_count": 0}, {"person.country": "FR"}]},
    ]
)


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    split = st.builds(
        lambda share, one, other: {
            "split": {
                "name": "ab",
                "shares": {"a": share, "b": 100 - share},
                "arms": {"a": one, "b": other},
            }
        },
        st.integers(1, 99),
        some,
        st.lists(inner, max_size=2),
    )
    when = st.builds(lambda c, one, other: {"when": c, "then": one, "else": other}, _conditions, some, some)
    cases = st.builds(
        lambda one, other, steps, last: {
            "cases": [{"when": one, "then": steps}, {"when": other, "then": []}],
            "else": last,
        },
        _conditions,
        _conditions,
        some,
        some,
    )
    awaited = st.builds(
        lambda hours, where, came, missed: {
            "wait": {"for": "order_paid", "match": "event.checkout_token", "at_most": f"{hours}h", **where},
            "then": came,
            "else": missed,
        },
        st.integers(1, 96),
        st.sampled_from([{}, {"where": {"event.total": {"gt": 50}}}]),
        some,
        st.lists(inner, max_size=2),
    )
    return st.one_of(split, when, cases, awaited)


FLOWS = st.lists(st.recursive(_leaf_steps, _nested, max_leaves=6), min_size=1, max_size=6).map(
    lambda steps: load(definition(steps=steps), messages=MESSAGES)
)
# What comes next: the wake-up that is due, an old one again, a foreign one, or something that happens.
MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "next",
                "next",
                "next",
                "next",
                "repeat",
                "foreign",
                "unknown",
                "order",
                "view",
                "exit",
                "paid",
                "paid little",
            ]
        ),
        st.integers(0, 72 * 60),
        st.sampled_from(["accepted", "skipped", "failed"]),
    ),
    max_size=40,
)
SEEDS = st.integers(0, 50).map(lambda n: {**FACTS, "person": {**FACTS["person"], "seed": str(n)}})

Log = list[tuple[Run, Stimulus, datetime, Transition]]


def _history(flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]]) -> Log:
    now = T0
    run = enrol(flow, abandoned(), [], [], facts, now)
    assert isinstance(run, Run)
    log: Log = []
    pending: Stimulus = Entered()

    def move(stimulus: Stimulus) -> None:
        nonlocal run, pending
        assert isinstance(run, Run)
        transition = advance(flow, run, stimulus, facts, now)
        log.append((run, stimulus, now, transition))
        run = transition.run
        for effect in transition.effects:
            pending = EffectDone(effect.key, "accepted", "", now)
        for timer in transition.timers:
            if isinstance(timer, TimerSet):
                pending = TimerFired(timer.token)

    move(pending)
    for what, minutes, outcome in moves:
        now += timedelta(minutes=minutes)
        match what:
            case "next" if isinstance(pending, EffectDone):
                move(replace(pending, outcome=outcome, at=now))
            case "next":
                if run.waiting and run.waiting.due_at:
                    now = max(now, run.waiting.due_at)
                move(pending)
            case "repeat":
                move(log[len(log) // 2][1])
            case "foreign":
                move(TimerFired(f"{run.id}:nowhere:1"))
            case "unknown" if isinstance(pending, EffectDone):
                move(replace(pending, outcome="unknown", at=now))
            case "order":
                move(Happened(event("order_placed", now, key="tok")))
            case "paid" | "paid little":
                total = "60.00" if what == "paid" else "40.00"
                move(Happened(event("order_paid", now, key="tok", checkout_token="tok", total=total)))
            case "view":
                move(Happened(event("message_opened", now)))
            case "exit":
                move(Happened(event("unsubscribed", now)))
            case _:
                pass
    return log


@settings(max_examples=40, deadline=None)
@given(FLOWS, SEEDS, MOVES)
def test_the_same_history_gives_the_same_transitions(
    flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]]
) -> None:
    facts_before, data_before = copy.deepcopy(facts), copy.deepcopy(flow.definition)
    log = _history(flow, facts, moves)
    assert _history(flow, copy.deepcopy(facts), moves) == log
    assert facts == facts_before and flow.definition == data_before


@settings(max_examples=40, deadline=None)
@given(FLOWS, SEEDS, MOVES)
def test_effect_keys_are_unique_and_nothing_follows_the_end(
    flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]]
) -> None:
    log = _history(flow, facts, moves)
    keys = [effect.key for *_, transition in log for effect in transition.effects]
    assert len(keys) == len(set(keys))
    for run, _, _, transition in log:
        if run.state == "done":
            assert transition == Transition(run)
        # A live run always waits for something; a finished one for nothing.
        assert (transition.run.waiting is not None) == (transition.run.state == "live")


@settings(max_examples=40, deadline=None)
@given(FLOWS, SEEDS, MOVES)
def test_stale_and_repeated_wake_ups_change_nothing(
    flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]]
) -> None:
    log = _history(flow, facts, moves)
    assert stale_wake_ups_are_ignored(flow, facts, log, advance)


def stale_wake_ups_are_ignored(
    flow: FlowVersion, facts: dict[str, Any], log: Log, step: Callable[..., Transition]
) -> bool:
    """Every wake-up that was acted on, given again to any later run, does nothing."""
    now = log[-1][2]
    used = [
        (n, stimulus)
        for n, (run, stimulus, _, transition) in enumerate(log)
        if not isinstance(stimulus, Happened) and transition.run is not run
        if not (isinstance(stimulus, EffectDone) and stimulus.outcome == "unknown")
    ]
    return all(
        step(flow, later[3].run, stimulus, facts, now) == Transition(later[3].run)
        for n, stimulus in used
        for later in log[n:]
    )


def test_a_machine_that_looks_at_no_token_is_caught() -> None:
    """The control: without the comparison of tokens the property above fails."""

    def careless(flow: FlowVersion, run: Run, stimulus: Stimulus, facts: Any, now: datetime) -> Transition:
        if isinstance(stimulus, TimerFired) and run.waiting:
            stimulus = TimerFired(run.waiting.token)
        return advance(flow, run, stimulus, facts, now)

    flow = load(definition(steps=[{"wait": "1h"}, {"wait": "2h"}, {"email": "last"}]), messages=MESSAGES)
    log = _history(flow, FACTS, [("next", 0, "accepted")])
    assert stale_wake_ups_are_ignored(flow, FACTS, log, advance)
    assert not stale_wake_ups_are_ignored(flow, FACTS, log, careless)


@settings(max_examples=40, deadline=None)
@given(FLOWS, SEEDS)
def test_everybody_leaves_within_the_sum_of_the_waits(flow: FlowVersion, facts: dict[str, Any]) -> None:
    log = _history(flow, facts, [("next", 1, "accepted")] * 60)
    assert log[-1][3].run.state == "done"
    assert log[-1][2] <= T0 + horizon(flow)


def horizon(flow: FlowVersion) -> timedelta:
    """An upper bound from the flow alone: every wait in full, and an hour of moves."""
    waits = [longest(step.config) for step in flow.steps.values() if step.kind == "wait"]
    return timedelta(hours=1) + sum(waits, timedelta())


@settings(max_examples=30, deadline=None)
@given(FLOWS, SEEDS, MOVES, st.sampled_from(["order_placed", "cart_cleared", "unsubscribed"]))
def test_an_exit_at_any_moment_ends_the_run_and_holds_back_what_has_not_left(
    flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]], name: str
) -> None:
    for _, _, now, transition in _history(flow, facts, moves):
        if transition.run.state == "live":
            ended = advance(flow, transition.run, Happened(event(name, now, key="tok")), facts, now)
            assert ended.run.state == "done" and ended.cancel_effects and not ended.effects


@settings(max_examples=30, deadline=None)
@given(FLOWS, SEEDS, MOVES)
def test_a_run_stored_between_any_two_transitions_goes_on_as_if_not(
    flow: FlowVersion, facts: dict[str, Any], moves: list[tuple[str, int, Any]]
) -> None:
    for run, stimulus, now, transition in _history(flow, facts, moves):
        columns = ("id", "flow", "version", "person_id", "key", "state", "outcome", "entered_at", "anchor_at")
        stored = Run.restore(**{name: getattr(run, name) for name in columns}, position=run.position())
        assert advance(flow, stored, stimulus, facts, now) == transition
