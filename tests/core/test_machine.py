from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flows.core import goals
from flows.core.machine import EndlessFlow, advance
from flows.core.model import EffectDone, Entered, Happened, Run, Step, TimerCancel, TimerFired, TimerSet
from tests.core.examples import (
    DAY,
    FACTS,
    HOUR,
    T0,
    abandoned,
    definition,
    entered,
    event,
    flow,
    next_stimulus,
    play,
    sent,
)


@pytest.mark.row("S5-073")
def test_the_whole_way_at_the_right_times() -> None:
    cart = flow()
    story = play(cart, entered(cart), T0)
    anchor = T0 - HOUR
    messages = sent(story)
    assert [at for _, at in messages] == [
        T0,
        T0 + 3 * HOUR,
        anchor + 48 * HOUR,
        # 9:00 in Paris, in winter.
        datetime.fromisoformat("2026-11-05T08:00:00+00:00"),
    ]
    assert messages[0][0] == "reminder" and messages[1][0] == "proof" and messages[3][0] == "last"
    assert messages[2][0] in ("plain", "countdown")
    assert story[-1][1].run.outcome == "completed"


def test_a_wait_counts_from_when_the_message_was_taken() -> None:
    cart = flow()
    first = entered(cart)
    done = EffectDone(first.effects[0].key, "accepted", "", T0 + 2 * HOUR)
    then = advance(cart, first.run, done, FACTS, T0 + 2 * HOUR)
    assert then.timers == (TimerSet("wait", T0 + 5 * HOUR, then.run.waiting.token),)  # type: ignore[union-attr]


@pytest.mark.parametrize("outcome", ["accepted", "skipped", "failed"])
def test_every_settled_outcome_goes_on(outcome: Any) -> None:
    cart = flow()
    first = entered(cart)
    stimulus, now = next_stimulus(first, T0, outcome)
    then = advance(cart, first.run, stimulus, FACTS, now)
    assert then.run.at == "wait" and then.trail[0].code == f"message_{outcome}"


def test_an_unknown_outcome_stays_parked_until_it_is_settled() -> None:
    cart = flow()
    first = entered(cart)
    key = first.effects[0].key
    unknown = advance(cart, first.run, EffectDone(key, "unknown", "timeout", T0), FACTS, T0)
    assert unknown.run.at == first.run.at and unknown.run.waiting == first.run.waiting
    assert [line.code for line in unknown.trail] == ["message_unknown"]
    again = advance(cart, unknown.run, EffectDone(key, "unknown", "timeout", T0), FACTS, T0 + HOUR)
    assert again.run is unknown.run and not again.trail
    later = T0 + 2 * HOUR
    settled = advance(cart, unknown.run, EffectDone(key, "accepted", "", later), FACTS, later)
    assert settled.run.at == "wait" and "unknown" not in settled.run.vars


def test_what_is_late_counts_from_when_it_was_meant_to_leave() -> None:
    cart = flow()
    first = entered(cart)
    stimulus, now = next_stimulus(first, T0)
    waiting = advance(cart, first.run, stimulus, FACTS, now)
    timer = waiting.timers[0]
    assert isinstance(timer, TimerSet)
    outage = timer.due_at + 3 * DAY
    late = advance(cart, waiting.run, TimerFired(timer.token), FACTS, outage)
    assert late.effects[0].due_at == timer.due_at
    assert late.effects[0].deadline == timer.due_at + DAY < outage


@pytest.mark.row("S5-072")
def test_goal_before_exit() -> None:
    cart = flow()
    run = entered(cart).run
    order = event("order_placed", T0 + HOUR, key="tok", checkout_token="tok")
    ended = advance(cart, run, Happened(order), FACTS, T0 + HOUR)
    assert (ended.run.state, ended.run.outcome, ended.cancel_effects) == ("done", "goal", True)
    assert [line.code for line in ended.trail] == ["goal_reached"]


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        ({"key": "tok"}, "goal"),
        ({"key": "tok", "person": 99}, "goal"),
        ({"key": None, "checkout_token": "tok"}, "goal"),
        ({"key": "other"}, "exit:order_placed"),
        ({"key": None}, "exit:order_placed"),
        ({"key": "other", "person": 99}, None),
        ({"key": None, "person": None}, None),
    ],
)
def test_an_order_reaches_a_run_by_person_or_by_key(order: dict[str, Any], outcome: str | None) -> None:
    cart = flow()
    run = entered(cart).run
    ended = advance(cart, run, Happened(event("order_placed", T0 + HOUR, **order)), FACTS, T0 + HOUR)
    assert ended.run.outcome == outcome


def test_the_goal_counts_only_in_its_time_and_the_exit_rule_always() -> None:
    cart = flow(goal={"on": "order_placed", "match": "event.checkout_token", "within": "2h"})
    run = entered(cart).run
    late = event("order_placed", T0 + 2 * HOUR + timedelta(seconds=1), key="tok")
    early = event("order_placed", T0 - timedelta(seconds=1), key="tok")
    in_time = event("order_placed", T0 + 2 * HOUR, key="tok")
    outcomes = [advance(cart, run, Happened(e), FACTS, T0 + DAY).run.outcome for e in (late, early, in_time)]
    assert outcomes == ["exit:order_placed", "exit:order_placed", "goal"]


def test_a_goal_at_the_very_moment_of_entering_and_at_the_very_end() -> None:
    cart = flow(goal={"on": "order_placed", "within": "2h"})
    run = entered(cart).run
    for moment in (T0, T0 + 2 * HOUR):
        assert goals.reached(cart, run, event("order_placed", moment))
    for moment in (T0 - timedelta(microseconds=1), T0 + 2 * HOUR + timedelta(microseconds=1)):
        assert not goals.reached(cart, run, event("order_placed", moment))


def test_what_the_goal_must_carry() -> None:
    cart = flow()
    run = entered(cart).run
    assert goals.expected_key(cart, run) == "tok"
    assert goals.expected_key(flow(goal=None), run) is None
    assert goals.expected_key(flow(goal={"on": "order_placed", "within": "2h"}), run) is None
    # The trigger lacks the field that must match: the run's key stands for it.
    for trigger in ({}, {"checkout_token": None}):
        assert goals.expected_key(cart, replace(run, trigger=trigger, key="key")) == "key"
    # An order that knows no checkout and has no key is nobody's goal.
    assert not goals.reached(cart, run, event("order_placed", T0, checkout_token=None))
    assert not goals.reached(cart, replace(run, trigger={}, key="None"), event("order_placed", T0))


def test_only_an_event_that_the_run_waits_for_wakes_it() -> None:
    cart = flow()
    first = entered(cart)
    stimulus, now = next_stimulus(first, T0)
    waiting = advance(cart, first.run, stimulus, FACTS, now).run
    assert waiting.waiting is not None
    for_click = replace(waiting, waiting=replace(waiting.waiting, wakes_on=(("timer",), ("event", "message_clicked"))))
    click, delivery = event("message_clicked", now), event("message_delivered", now)
    woken = advance(cart, for_click, Happened(click), FACTS, now)
    # The wait looks at the time, finds it has not come and waits on: with a fresh timer for the old one.
    assert woken.timers == (
        TimerCancel("wait"),
        TimerSet("wait", T0 + 3 * HOUR, waiting.waiting.token),
    )
    assert advance(cart, for_click, Happened(delivery), FACTS, now).run is for_click
    assert advance(cart, waiting, Happened(click), FACTS, now).run is waiting
    foreign = event("message_clicked", now, person=99)
    assert advance(cart, for_click, Happened(foreign), FACTS, now).run is for_click


def test_an_order_that_counts_for_nothing_is_no_success() -> None:
    cart = flow()
    run = entered(cart).run
    test_order = event("order_placed", T0 + HOUR, key="tok", excluded="test")
    ended = advance(cart, run, Happened(test_order), FACTS, T0 + HOUR)
    assert ended.run.outcome == "exit:order_placed"


def test_imported_history_ends_a_run_only_by_its_key() -> None:
    cart = flow()
    run = entered(cart).run
    other = event("order_placed", T0 + HOUR, key="else", historical=True)
    same = event("order_placed", T0 + HOUR, key="tok", historical=True)
    assert advance(cart, run, Happened(other), FACTS, T0 + HOUR).run is run
    assert advance(cart, run, Happened(same), FACTS, T0 + HOUR).run.state == "done"


def test_an_early_end_cancels_its_timer() -> None:
    cart = flow()
    first = entered(cart)
    stimulus, now = next_stimulus(first, T0)
    waiting = advance(cart, first.run, stimulus, FACTS, now)
    ended = advance(cart, waiting.run, Happened(event("unsubscribed", now)), FACTS, now)
    assert ended.timers == (TimerCancel("wait"),) and ended.run.outcome == "exit:unsubscribed"
    assert ended.run.waiting is None
    # While a message is under way there is no timer to cancel.
    assert advance(cart, first.run, Happened(event("unsubscribed", now)), FACTS, now).timers == ()


def test_a_finished_run_does_not_move() -> None:
    cart = flow()
    first = entered(cart)
    ended = advance(cart, first.run, Happened(event("order_placed", T0, key="tok")), FACTS, T0).run
    for stimulus in (
        Entered(),
        TimerFired(f"{ended.id}:wait:2"),
        EffectDone(first.effects[0].key, "accepted", "", T0),
        Happened(event("order_placed", T0, key="tok")),
    ):
        after = advance(cart, ended, stimulus, FACTS, T0)
        assert after.run is ended and not (after.effects or after.timers or after.trail or after.cancel_effects)


def test_an_unknown_condition_takes_else_and_says_what_was_missing() -> None:
    cart = flow(
        steps=[
            {
                "when": {"person.total_spent": {"gt": 100}},
                "then": [{"email": "proof"}],
                "else": [{"email": "last"}],
            }
        ]
    )
    first = entered(cart)
    assert first.effects[0].message == "last"
    branched = next(line for line in first.trail if line.code == "branched")
    assert branched.detail["truth"] == "cannot tell"
    assert branched.detail["because"]["why"] == "person.total_spent is not known"


def test_conditions_read_the_event_of_the_run_whatever_the_loader_hands_in() -> None:
    cart = flow(steps=[{"when": {"event.total": {"gte": 50}}, "then": [{"email": "proof"}]}])
    run = entered(cart).run
    fresh = replace(run, at=cart.first, visit=0, waiting=None)
    other = {**FACTS, "event": {"total": "1.00"}}
    assert advance(cart, fresh, Entered(), other, T0).effects[0].message == "proof"


def test_a_hold_out_arm_gets_nothing_more() -> None:
    cart = flow(
        steps=[
            {
                "split": {
                    "name": "worth",
                    "shares": {"all": 10, "hold_out": 90},
                    "arms": {"all": [{"email": "proof"}]},
                }
            },
            {"email": "last"},
        ]
    )
    outcomes = set()
    for seed in range(60):
        run = entered(cart).run
        fresh = replace(run, at=cart.first, visit=0, waiting=None, state="live", outcome=None, vars={})
        facts = {**FACTS, "person": {**FACTS["person"], "seed": str(seed)}}
        after = advance(cart, fresh, Entered(), facts, T0)
        outcomes.add((after.run.outcome, len(after.effects), after.run.vars["split.worth"]))
    assert outcomes == {("held_out", 0, "hold_out"), (None, 1, "all")}


def test_a_wait_in_the_past_does_not_wait() -> None:
    cart = flow(steps=[{"wait": {"until": "+30m from trigger"}}, {"email": "last"}])
    first = entered(cart)
    assert first.effects and first.effects[0].due_at == T0 and not first.timers


def test_a_time_of_day_that_was_missed_is_not_made_up_for_at_night() -> None:
    cart = flow(steps=[{"wait": "1h"}, {"wait": {"until": "15:00"}}, {"email": "last"}])
    first = entered(cart)
    timer = first.timers[0]
    assert isinstance(timer, TimerSet)
    # The wait of an hour ended at noon in Paris, but was only noticed at 3 at night.
    night = datetime.fromisoformat("2026-11-03T02:00:00+00:00")
    late = advance(cart, first.run, TimerFired(timer.token), FACTS, night)
    assert late.run.waiting is not None
    assert late.run.waiting.due_at == datetime.fromisoformat("2026-11-03T14:00:00+00:00")
    # On time, the same day.
    on_time = advance(cart, first.run, TimerFired(timer.token), FACTS, timer.due_at)
    assert on_time.run.waiting is not None
    assert on_time.run.waiting.due_at == datetime.fromisoformat("2026-11-02T14:00:00+00:00")


def test_a_split_without_the_seed_is_an_error_not_an_arm() -> None:
    cart = flow(steps=definition()["steps"][4:5])
    run = entered(cart).run
    with pytest.raises(LookupError, match="person.seed"):
        advance(cart, replace(run, at=cart.first, visit=0, waiting=None), Entered(), {"person": {}}, T0)


def test_a_flow_that_goes_round_without_waiting_is_stopped() -> None:
    cart = flow(steps=[{"when": {"event.total": {"gte": 50}}, "then": [{"end": "big"}]}])
    when = cart.steps["when"]
    round_and_round = replace(cart, steps={"when": Step("when", "when", when.config, {"then": "when", "else": None})})
    run = replace(entered(cart).run, at="when", visit=0, waiting=None, state="live", outcome=None)
    with pytest.raises(EndlessFlow, match="cart"):
        advance(round_and_round, run, Entered(), FACTS, T0)


def test_a_run_survives_being_stored() -> None:
    cart = flow()
    transition = entered(cart)
    stimulus, now = next_stimulus(transition, T0)
    for run in (transition.run, advance(cart, transition.run, stimulus, FACTS, now).run):
        again = Run.restore(
            id=run.id,
            flow=run.flow,
            version=run.version,
            person_id=run.person_id,
            key=run.key,
            state=run.state,
            outcome=run.outcome,
            entered_at=run.entered_at,
            anchor_at=run.anchor_at,
            position=run.position(),
        )
        assert again == run


def test_the_signal_is_anchored_at_the_last_change() -> None:
    run = entered(flow(), abandoned(T0)).run
    assert run.anchor_at == T0 - HOUR and run.since == T0
