"""The flows that a shop begins with, from their files, on the core alone: who leaves them when."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import signals
from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import Entered, Event, FlowVersion, Happened, Note, Run, Transition
from flows.core.signals import SignalSettings
from flows.definition_files import read_folder
from tests.core.examples import DAY, FACTS, HOUR, SHOPPER, T0, abandoned, event, play, sent

LIBRARY = Path(__file__).parents[2] / "flows" / "library"
CART = read_folder(LIBRARY / "cart-recovery").flow
WELCOME = read_folder(LIBRARY / "welcome").flow
OFFERS = {
    "welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9},
    "cart": {"code": "CART10", "percent": 10, "expires_days": 3},
}
WITH_OFFERS = {**FACTS, "shop": {**FACTS["shop"], "offers": OFFERS}}
BY_TEXT = {**WITH_OFFERS, "person": {**FACTS["person"], "consent": {"email": "subscribed", "sms": "subscribed"}}}


def subscribed(at: datetime = T0) -> Event:
    consent = event("consent_changed", at, channel="email", old=None, new="subscribed", source="store")
    (new,) = signals.derive(consent, FACTS, SignalSettings.of([WELCOME]), at).events
    return Event(consent.id, new.name, new.occurred_at, new.subject, new.key, SHOPPER, new.props)


def begin(flow: FlowVersion, facts: dict[str, Any] = FACTS) -> Transition:
    trigger = subscribed() if flow is WELCOME else abandoned()
    run = enrol(flow, trigger, [], [], facts, T0)
    assert isinstance(run, Run), run
    return advance(flow, run, Entered(), facts, T0)


def test_welcome_writes_on_days_0_2_4_6_and_8() -> None:
    story = play(WELCOME, begin(WELCOME), T0)
    assert [at - T0 for _, at in sent(story)] == [DAY * n for n in (0, 2, 4, 6, 8)]


@pytest.mark.parametrize("facts", [FACTS, WITH_OFFERS])
def test_the_cart_flow_writes_one_hour_and_one_two_and_three_days_after_the_last_change(
    facts: dict[str, Any],
) -> None:
    story = play(CART, begin(CART, facts), T0, facts=facts)
    last_change = T0 - HOUR
    assert [at - last_change for _, at in sent(story)] == [HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR]


def test_who_agreed_to_texts_gets_one_between_the_first_email_and_the_second() -> None:
    story = play(CART, begin(CART, BY_TEXT), T0, facts=BY_TEXT)
    last_change = T0 - HOUR
    (text,) = [(name, at - last_change) for name, at in sent(story) if CART.messages[name].channel == "sms"]
    assert text == ("quick-reminder", 4 * HOUR)
    emails = [at - last_change for name, at in sent(story) if CART.messages[name].channel == "email"]
    assert emails == [HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR]


def test_the_text_has_left_or_is_given_up_before_the_second_email() -> None:
    """Also when the first one leaves as late as it may."""
    held_up = CART.messages["reminder"].deadline + CART.messages["quick-reminder"].deadline
    assert HOUR + held_up + 3 * HOUR < 24 * HOUR


def test_welcome_is_for_people_who_have_not_bought() -> None:
    bought = {**FACTS, "person": {**FACTS["person"], "orders_count": 1}}
    note = enrol(WELCOME, subscribed(), [], [], bought, T0)
    assert isinstance(note, Note) and note.code == "outside_audience"


MOMENTS = st.floats(0, 9 * 86_400, allow_nan=False).map(lambda seconds: timedelta(seconds=seconds))


def so_far(flow: FlowVersion, after: timedelta) -> tuple[Run, list[datetime]]:
    """The run so long after it began, and when it has sent something."""
    story = play(flow, begin(flow, WITH_OFFERS), T0, T0 + after, WITH_OFFERS)
    return story[-1][1].run, [at for _, at in sent(story)]


def outcome_of(name: str, flow: FlowVersion, after: timedelta) -> str | None:
    """What becomes of the run when `name` happens so long after it began; what has not left is held back."""
    run, _ = so_far(flow, after)
    what = event(name, T0 + after, key="tok" if flow is CART else None)
    ended = advance(flow, run, Happened(what), WITH_OFFERS, T0 + after)
    assert not ended.effects
    assert ended.cancel_effects == (run.state == "live" and ended.run.state == "done")
    return ended.run.outcome


def over(flow: FlowVersion, after: timedelta) -> bool:
    """Whether the flow has come to its own end by then."""
    return so_far(flow, after)[0].state == "done"


@pytest.mark.row("S5-094")
@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_a_purchase_at_any_point_ends_the_cart_flow(after: timedelta) -> None:
    assert outcome_of("order_placed", CART, after) == ("completed" if over(CART, after) else "goal")


@pytest.mark.row("S5-095")
@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_a_cleared_cart_ends_the_cart_flow(after: timedelta) -> None:
    expected = "completed" if over(CART, after) else "exit:cart_cleared"
    assert outcome_of("cart_cleared", CART, after) == expected


@pytest.mark.row("S5-096")
@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_an_unsubscribe_ends_the_cart_flow(after: timedelta) -> None:
    expected = "completed" if over(CART, after) else "exit:unsubscribed"
    assert outcome_of("unsubscribed", CART, after) == expected


@pytest.mark.row("S5-088")
@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_an_unsubscribe_ends_both_flows(after: timedelta) -> None:
    for flow in (WELCOME, CART):
        expected = "completed" if over(flow, after) else "exit:unsubscribed"
        assert outcome_of("unsubscribed", flow, after) == expected


@pytest.mark.row("S5-088")
def test_an_unsubscribe_ends_every_flow_that_ships() -> None:
    endless = {}
    for path in sorted(LIBRARY.glob("*/flow.yaml")):
        flow = read_folder(path.parent).flow
        if {message.purpose for message in flow.messages.values()} == {"marketing"}:
            endless[flow.flow] = not any(rule.on == "unsubscribed" and rule.where is None for rule in flow.exit_rules)
    assert len(endless) > 10 and [name for name, is_endless in endless.items() if is_endless] == []


@pytest.mark.parametrize("flow", [CART, WELCOME])
def test_another_event_ends_nothing(flow: FlowVersion) -> None:
    """The control: it is the exit rules that end the flows above."""
    assert outcome_of("order_paid", flow, HOUR) is None


def test_a_purchase_ends_the_welcome_flow_as_its_goal() -> None:
    assert outcome_of("order_placed", WELCOME, 5 * DAY) == "goal"
    assert [at - T0 for at in so_far(WELCOME, 5 * DAY)[1]] == [DAY * n for n in (0, 2, 4)]
