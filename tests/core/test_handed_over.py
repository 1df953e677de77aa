"""A run that an automation at the provider carries out takes no step, and ends as every other does."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.enrol import enrol
from flows.core.handed_over import LONGEST, hand_over, is_handed_over, left_because
from flows.core.machine import advance
from flows.core.model import Entered, Event, FlowVersion, Happened, Note, Run, TimerFired, TimerSet, Transition
from tests.core.examples import DAY, FACTS, HOUR, T0, abandoned, entered, event, flow


def let_in(version: FlowVersion) -> Run:
    run = enrol(version, abandoned(), [], [], FACTS, T0)
    assert isinstance(run, Run)
    return run


def begun(**changes: Any) -> tuple[FlowVersion, Transition]:
    version = flow(**changes)
    first = hand_over(version, let_in(version), T0, permitted=True)
    assert isinstance(first, Transition)
    return version, first


def hears(version: FlowVersion, run: Run, what: Event | str) -> Transition:
    happened = what if isinstance(what, Event) else event(what, T0 + HOUR, key="tok")
    return advance(version, run, Happened(happened), FACTS, T0 + HOUR)


def test_it_waits_on_no_step_until_the_time_of_its_goal_is_over() -> None:
    version, first = begun()
    (timer,) = first.timers
    assert isinstance(timer, TimerSet) and timer.due_at == T0 + 3 * DAY
    assert (first.run.at, first.run.state, first.effects) == (None, "live", ()) and is_handed_over(first.run)
    again = advance(version, first.run, Entered(), FACTS, T0)
    assert again == Transition(first.run), "nothing makes it walk"
    late = advance(version, first.run, TimerFired(timer.token), FACTS, timer.due_at)
    assert (late.run.state, left_because(late.run), late.effects) == ("done", "time_limit", ())
    assert advance(version, first.run, TimerFired("another"), FACTS, timer.due_at).run is first.run
    assert is_handed_over(late.run)


@pytest.mark.parametrize(
    ("name", "reason"), [("order_placed", "goal"), ("cart_cleared", "cart_cleared"), ("unsubscribed", "unsubscribed")]
)
def test_goal_and_exit_rules_end_it_and_take_its_timer_off(name: str, reason: str) -> None:
    version, first = begun()
    ended = hears(version, first.run, name)
    assert (ended.run.state, left_because(ended.run)) == ("done", reason)
    assert [type(one).__name__ for one in ended.timers] == ["TimerCancel"]
    assert hears(version, ended.run, name) == Transition(ended.run), "once"


def test_what_is_none_of_its_business_leaves_it_where_it_is() -> None:
    version, first = begun()
    assert hears(version, first.run, "order_shipped").run is first.run
    assert hears(version, first.run, event("cart_cleared", T0 + HOUR, key="another")).run is first.run


def test_nobody_begins_whom_nothing_may_be_sent_to() -> None:
    version = flow()
    assert hand_over(version, let_in(version), T0, permitted=False) == Note("not_permitted")


def test_without_a_goal_it_has_a_month() -> None:
    _, first = begun(goal=None)
    (timer,) = first.timers
    assert isinstance(timer, TimerSet) and timer.due_at == T0 + LONGEST


def test_a_run_of_ours_is_not_taken_for_one() -> None:
    run = entered(flow()).run
    assert not is_handed_over(run) and run.at is not None
    first = begun()[1].run
    assert Run.restore(**_columns(first), position=first.position()) == first, "it is kept with the run"


def _columns(run: Run) -> dict[str, Any]:
    names = ("id", "flow", "version", "person_id", "key", "state", "outcome", "entered_at", "anchor_at")
    return {name: getattr(run, name) for name in names}
