"""How somebody leaves a flow, begins it anew, is handed on to another, and goes on in another version."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.core import standing
from flows.core.carrying_over import carry_over
from flows.core.enrol import enrol
from flows.core.handed_over import hand_over
from flows.core.machine import advance
from flows.core.model import (
    EffectDone,
    Event,
    FlowVersion,
    Happened,
    MessageSpec,
    Note,
    Run,
    TimerCancel,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.problems import DefinitionError
from flows.core.validate import load
from tests.core.examples import (
    DAY,
    FACTS,
    HOUR,
    MESSAGES,
    T0,
    abandoned,
    definition,
    entered,
    event,
    flow,
    next_stimulus,
    play,
)

STAY = {"on": "message_clicked", "where": {"event.link": {"contains": "stay"}}}
VIP = {"on": "order_placed", "where": {"event.total": {"gte": 100}}, "move_to": "thank-you"}


def after(of: FlowVersion, run: Run, what: Event) -> Transition:
    return advance(of, run, Happened(what), FACTS, what.occurred_at)


def waiting(of: FlowVersion) -> Run:
    """Behind the first message, in the first wait."""
    first = entered(of)
    stimulus, now = next_stimulus(first, T0)
    return advance(of, first.run, stimulus, FACTS, now).run


# Exit rules


@pytest.mark.row("S5-120")
@pytest.mark.row("S4-12")
def test_an_exit_rule_may_ask_what_its_event_carries() -> None:
    cart = flow(exit=[STAY])
    run = waiting(cart)
    other = event("message_clicked", T0 + HOUR, link="https://shop.example/new")
    stays = event("message_clicked", T0 + HOUR, link="https://shop.example/stay")
    assert after(cart, run, other).run is run
    ended = after(cart, run, stays)
    assert (ended.run.outcome, ended.cancel_effects) == ("exit:message_clicked", True)


def test_what_an_exit_rule_cannot_tell_ends_nothing_and_is_said() -> None:
    cart = flow(exit=[STAY])
    run = waiting(cart)
    unclear = after(cart, run, event("message_clicked", T0 + HOUR))
    assert unclear.run is run and [line.code for line in unclear.trail] == ["exit_unclear"]
    assert unclear.trail[0].detail["because"]["why"] == "event.link is not known"


def test_an_exit_rule_may_ask_for_the_same_thing_as_the_trigger() -> None:
    cart = flow(exit=[{"on": "cart_updated", "match": "event.total"}])
    run = waiting(cart)
    assert after(cart, run, event("cart_updated", T0 + HOUR, total="60.00")).run.state == "done"
    for other in ({"total": "61.00"}, {"total": None}, {}):
        assert after(cart, run, event("cart_updated", T0 + HOUR, **other)).run is run


@pytest.mark.parametrize("name", ["tag_added", "custom:webinar", "message_opened", "segment_left"])
@pytest.mark.row("S5-082")
def test_any_event_at_any_step_ends_it_when_the_flow_says_so(name: str) -> None:
    cart = flow(exit=[name])
    for _, transition in play(cart, entered(cart), T0)[:-1]:
        ended = after(cart, transition.run, event(name, T0 + HOUR))
        assert ended.run.outcome == f"exit:{name}" and ended.cancel_effects


@pytest.mark.row("S5-074")
@pytest.mark.row("S5-088")
def test_a_no_ends_every_flow_that_has_nothing_else_to_say() -> None:
    silent = flow(exit=None)
    ended = after(silent, waiting(silent), event("unsubscribed", T0 + HOUR, channel="email"))
    assert ended.run.outcome == "exit:unsubscribed"
    # One that may write on another channel, or about an order, goes on without what the gate refuses.
    for kept in (
        MessageSpec("plain", "sms", "marketing", DAY),
        MessageSpec("plain", "email", "transactional", DAY),
    ):
        steps = [{"email": "reminder"}, {"wait": "1h"}, {kept.channel: "plain"}]
        both = load(definition(exit=None, steps=steps), messages={**MESSAGES, "plain": kept})
        assert after(both, waiting(both), event("unsubscribed", T0 + HOUR, channel="email")).run.state == "live"


# Another flow


@pytest.mark.row("S5-077")
@pytest.mark.row("S5-087")
def test_an_exit_rule_hands_the_person_on_with_what_ended_it() -> None:
    cart = flow(exit=[VIP, "order_placed"], goal=None)
    order = event("order_placed", T0 + HOUR, total="120.00", order_id=7)
    ended = after(cart, waiting(cart), order)
    assert ended.run.outcome == "exit:order_placed"
    (change,) = ended.changes
    assert (change.kind, change.data["flow"]) == ("enter", "thank-you")
    assert change.data["event"]["props"]["order_id"] == 7
    small = after(cart, waiting(cart), event("order_placed", T0 + HOUR, total="12.00"))
    assert small.run.state == "done" and not small.changes
    # Somebody else's order ends the cart's flow and is no reason to thank this person.
    theirs = after(cart, waiting(cart), event("order_placed", T0 + HOUR, key="tok", person=99, total="120.00"))
    assert theirs.run.state == "done" and not theirs.changes


@pytest.mark.row("S5-104")
def test_a_return_hands_on_to_the_flow_that_helps() -> None:
    after_purchase = flow(exit=[{"on": "order_returned", "move_to": "returns"}], goal=None)
    ended = after(after_purchase, waiting(after_purchase), event("order_returned", T0 + DAY, return_name="#1001-R1"))
    (change,) = ended.changes
    assert (change.data["flow"], change.data["event"]["props"]["return_name"]) == ("returns", "#1001-R1")


@pytest.mark.row("S5-103")
def test_a_second_purchase_changes_what_is_said_and_not_that_it_goes_on() -> None:
    """What is no exit rule ends nothing; the steps behind it see the person as they are then."""
    said = {"when": {"person.orders_count": {"gte": 2}}, "then": [{"email": "plain"}], "else": [{"email": "last"}]}
    thanks = flow(exit=["unsubscribed"], goal=None, steps=[{"email": "reminder"}, {"wait": "1d"}, said])
    run = waiting(thanks)
    assert after(thanks, run, event("order_placed", T0 + HOUR)).run is run
    assert run.waiting is not None
    for orders, message in ((1, "last"), (2, "plain")):
        facts = {**FACTS, "person": {**FACTS["person"], "orders_count": orders}}
        then = advance(thanks, run, TimerFired(run.waiting.token), facts, T0 + DAY)
        assert [effect.message for effect in then.effects] == [message]


def test_what_reaches_the_goal_may_hand_on_as_well() -> None:
    cart = flow(exit=[VIP])
    order = event("order_placed", T0 + HOUR, key="tok", total="120.00")
    ended = after(cart, waiting(cart), order)
    assert ended.run.outcome == "goal" and ended.changes


def handed(run: Run, to: str, now: Any = T0) -> Event:
    return event(standing.moved(to), now, **standing.handed_on(run, run.trigger, now))


def test_whoever_is_handed_on_is_asked_everything_but_the_trigger() -> None:
    target = flow(flow="second", trigger={"on": "order_placed"}, audience={"person.orders_count": 0}, goal=None)
    run = waiting(flow())
    moved = handed(run, "second")
    taken = enrol(target, moved, [], [], FACTS, T0)
    assert isinstance(taken, Run) and taken.trigger["checkout_token"] == "tok"
    # Its clock is its own: what the signal of the first one counted from is gone.
    assert taken.anchor_at == T0 and "after_seconds" not in taken.trigger
    assert enrol(flow(flow="third"), moved, [], [], FACTS, T0) is None
    bought = {**FACTS, "person": {**FACTS["person"], "orders_count": 1}}
    refused = enrol(target, moved, [], [], bought, T0)
    assert isinstance(refused, Note) and refused.code == "outside_audience"
    again = enrol(target, moved, [taken], [], FACTS, T0)
    assert isinstance(again, Note) and again.code == "already_in"


def test_flows_that_hand_on_in_circles_come_to_an_end() -> None:
    """At one moment; whoever is handed on after some time has passed begins to count anew."""
    one, other = (flow(flow=name, reentry="always") for name in ("one", "other"))
    run, hands = waiting(one), 0
    while True:
        target = (other, one)[hands % 2]
        answer = enrol(target, handed(run, target.flow), [], [], FACTS, T0)
        if isinstance(answer, Note):
            break
        assert isinstance(answer, Run)
        run, hands = answer, hands + 1
    assert answer.code == "moved_in_circles" and hands == standing.MOST_MOVES
    assert isinstance(enrol(one, handed(run, "one", T0 + DAY), [], [], FACTS, T0 + DAY), Run)


# Beginning anew


@pytest.mark.row("S5-113")
def test_another_category_begins_the_flow_anew() -> None:
    browse = flow(
        trigger={"on": "custom:browsed"},
        restart={"on": ["custom:browsed"], "when_different": "event.properties.category"},
        goal=None,
        exit=["order_placed"],
        steps=[{"email": "reminder"}, {"wait": "1d"}, {"email": "last"}],
    )
    shoes = event("custom:browsed", T0, properties={"category": "shoes"})
    run = waiting_after(browse, shoes)
    same, hats = (event("custom:browsed", T0 + HOUR, properties={"category": name}) for name in ("shoes", "hats"))
    assert after(browse, run, same).run is run
    ended = after(browse, run, hats)
    assert (ended.run.outcome, ended.cancel_effects) == ("restarted", True)
    assert ended.timers == (TimerCancel("wait"),)
    anew = enrol(browse, hats, [], [], FACTS, T0 + HOUR, anew=True)
    assert isinstance(anew, Run) and anew.id != run.id and anew.trigger["properties"]["category"] == "hats"
    # The rule of re-entry (never) would keep them out: it is no second entry.
    assert isinstance(enrol(browse, hats, [ended.run], [], FACTS, T0 + HOUR), Note)
    for silent in (event("custom:browsed", T0, properties={"category": None}), event("custom:browsed", T0)):
        assert after(browse, run, silent).run is run
    imported = event("custom:browsed", T0 + HOUR, properties={"category": "hats"}, historical=True)
    assert after(browse, run, imported).run is run


def waiting_after(of: FlowVersion, trigger: Event) -> Run:
    first = entered(of, trigger)
    stimulus, now = next_stimulus(first, T0)
    return advance(of, first.run, stimulus, FACTS, now).run


def test_a_change_of_another_cart_begins_nothing_anew() -> None:
    cart = flow(restart={"on": ["checkout_updated"], "when_different": "event.total"})
    run = waiting(cart)
    fuller, other = (
        event("checkout_updated", T0 + HOUR, key=token, checkout_token=token, total="99.00") for token in ("tok", "two")
    )
    assert after(cart, run, other).run is run
    assert after(cart, run, fuller).run.outcome == "restarted"
    assert after(flow(), run, fuller).run is run


# The longest stay


@pytest.mark.row("S5-076")
def test_nobody_stays_longer_than_the_limit() -> None:
    short = flow(limit="2h")
    first = entered(short)
    assert first.effects[0].deadline == T0 + 2 * HOUR
    stimulus, now = next_stimulus(first, T0 + HOUR)
    parked = advance(short, first.run, stimulus, FACTS, now)
    (timer,) = parked.timers
    assert isinstance(timer, TimerSet) and timer.due_at == T0 + 2 * HOUR
    ended = advance(short, parked.run, TimerFired(timer.token), FACTS, timer.due_at)
    assert (ended.run.outcome, ended.effects) == ("time_limit", ())
    # Without a limit the same wait goes on.
    assert play(flow(), entered(flow()), T0)[-1][1].run.outcome == "completed"


def test_a_message_that_is_settled_after_the_limit_is_the_last() -> None:
    short = flow(limit="2h")
    first = entered(short)
    done = EffectDone(first.effects[0].key, "accepted", "", T0 + 3 * HOUR)
    assert advance(short, first.run, done, FACTS, T0 + 3 * HOUR).run.outcome == "time_limit"


def test_the_limit_is_that_of_an_automation_at_the_provider_too() -> None:
    run = enrol(flow(limit="10d"), abandoned(), [], [], FACTS, T0)
    assert isinstance(run, Run)
    begun = hand_over(flow(limit="10d"), run, T0, permitted=True)
    assert isinstance(begun, Transition) and begun.timers[0].due_at == T0 + 10 * DAY  # type: ignore[union-attr]


# Taken out, and other versions


@pytest.mark.row("S5-075")
def test_somebody_is_taken_out_of_one_flow() -> None:
    cart = flow()
    run = waiting(cart)
    out = event(standing.TAKEN_OUT, T0 + HOUR, flow="cart", outcome="removed")
    ended = after(cart, run, out)
    assert (ended.run.outcome, ended.cancel_effects) == ("removed", True)
    assert [line.code for line in ended.trail] == ["taken_out"]
    for other in ({"flow": "other"}, {"flow": "cart", "versions": [3]}):
        assert after(cart, run, event(standing.TAKEN_OUT, T0 + HOUR, outcome="removed", **other)).run is run


NEXT = [{"email": "reminder"}, {"wait": "5h"}, {"email": "last"}]


def carried(run: Run, of: FlowVersion, to: FlowVersion, now: Any = T0 + HOUR, **steps: str) -> Transition:
    return carry_over(of, replace(to, version=2), run, steps, FACTS, now)


@pytest.mark.row("S1-54")
def test_a_wait_is_asked_anew_in_the_other_version_and_counts_from_where_it_counted() -> None:
    cart = flow()
    run = waiting(cart)
    moved = carried(run, cart, flow(steps=NEXT))
    assert (moved.run.version, moved.run.at, moved.run.state) == (2, "wait", "live")
    assert [type(timer) for timer in moved.timers] == [TimerCancel, TimerSet]
    assert moved.timers[1].due_at == T0 + 5 * HOUR  # type: ignore[union-attr]
    # Its own timer has another name than the one that was armed before.
    assert run.waiting is not None and moved.timers[1].token != run.waiting.token  # type: ignore[union-attr]
    # One that would be over there already is over.
    late = carried(run, cart, flow(steps=[NEXT[0], {"wait": "30m"}, NEXT[2]]))
    assert [effect.message for effect in late.effects] == ["last"]


def test_a_step_of_another_name_is_found_by_the_map() -> None:
    cart = flow()
    renamed = flow(steps=[NEXT[0], {"wait": "5h", "id": "pause"}, NEXT[2]])
    run = waiting(cart)
    lost = carried(run, cart, renamed)
    assert lost.run is run and [line.code for line in lost.trail] == ["not_carried_over"]
    assert carried(run, cart, renamed, wait="pause").run.at == "pause"


def test_who_waits_for_a_message_goes_on_with_it_in_the_other_version() -> None:
    cart = flow()
    first = entered(cart)
    moved = carried(first.run, cart, flow(steps=NEXT))
    assert not moved.effects and moved.run.waiting == first.run.waiting
    done = EffectDone(first.effects[0].key, "accepted", "", T0 + HOUR)
    then = advance(replace(flow(steps=NEXT), version=2), moved.run, done, FACTS, T0 + HOUR)
    assert then.run.at == "wait" and then.timers[0].due_at == T0 + 6 * HOUR  # type: ignore[union-attr]
    # Where the other step is no message nobody would hear of the one that is under way.
    stays = carried(first.run, cart, flow(steps=NEXT), **{"email-reminder": "wait"})
    assert stays.run is first.run and stays.trail[0].code == "not_carried_over"


def test_nothing_is_carried_over_twice_and_nobody_who_has_left() -> None:
    cart = flow()
    moved = carried(waiting(cart), cart, flow(steps=NEXT)).run
    assert carried(moved, cart, flow(steps=NEXT)) == Transition(moved)
    done = replace(waiting(cart), state="done", waiting=None)
    assert carried(done, cart, flow(steps=NEXT)) == Transition(done)


# What cannot be written


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exit": ["order_placed", "order_placed"]}, "Never asked: “order_placed” has ended it by the rule above"),
        ({"exit": ["order_placed", VIP]}, "Never asked: “order_placed” has ended it by the rule above"),
        ({"exit": [{"on": "order_placed", "where": {"person.country": "FR"}}]}, "“person.country”: an exit rule asks"),
        ({"exit": [{"on": "order_placed", "where": {"event.colour": "red"}}]}, "“order_placed” does not carry"),
        ({"exit": [{"on": "cart_updated", "match": "event.order_id"}]}, "“cart_updated” does not carry"),
        ({"exit": [{"on": "order_plced"}]}, "“on”: “order_plced” is no event here"),
        ({"exit": [7]}, "“exit”: write an event such as order_placed"),
        ({"restart": {"on": []}}, "“on”: name at least one event"),
        ({"restart": {"on": ["order_paid"], "when_different": "event.category"}}, "“order_paid” does not carry"),
        ({"restart": {"on": ["tag_added"]}}, "“tag_added” does not carry “event.checkout_token”"),
        ({"restart": {"on": ["cart_cleared"]}}, "“cart_cleared” ends the flow, so it cannot begin it anew"),
        ({"limit": "soon"}, "“limit”: “soon” is no length of time"),
    ],
)
def test_what_says_nothing_clear_about_leaving_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        flow(**changes)
    assert said in str(refused.value), str(refused.value)


def test_the_limit_is_longer_than_nothing() -> None:
    assert flow(limit="30d").limit == timedelta(days=30)
