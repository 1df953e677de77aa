"""Waiting until a moment, and for an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import Entered, Happened, Run, TimerCancel, TimerFired, TimerSet, Transition
from flows.core.steps.until import longest, parse
from tests.core.examples import DAY, FACTS, HOUR, T0, entered, event, flow, play, sent


def until(text: str, now: datetime = T0, zone: str = "Europe/Paris", **trigger: Any) -> Transition:
    """What becomes of somebody who comes to this wait at `now`."""
    facts = {**FACTS, "person": {**FACTS["person"], "timezone": zone}}
    waiting = flow(
        trigger={"on": "custom:wait"},
        goal=None,
        steps=[{"wait": {"until": text}}, {"email": "last"}],
    )
    begun = event("custom:wait", now, **trigger)
    run = enrol(waiting, begun, [], [], facts, now)
    assert isinstance(run, Run)
    return advance(waiting, run, Entered(), facts, now)


def ends(transition: Transition) -> datetime | None:
    """When the wait ends; None when the flow went on at once."""
    return next((timer.due_at for timer in transition.timers if isinstance(timer, TimerSet)), None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# T0 is Monday 2 November 2026, 11:00 in Paris.
@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("09:00", "Europe/Paris", "2026-11-03T09:00+01:00"),
        ("11:00", "Europe/Paris", None),
        ("12:30", "Europe/Paris", "2026-11-02T12:30+01:00"),
        ("tomorrow 12:30", "Europe/Paris", "2026-11-03T12:30+01:00"),
        ("tomorrow 09:00", "America/New_York", "2026-11-03T09:00-05:00"),
        ("monday 12:00", "Europe/Paris", "2026-11-02T12:00+01:00"),
        ("monday 09:00", "Europe/Paris", "2026-11-09T09:00+01:00"),
        ("sunday 18:00", "Europe/Paris", "2026-11-08T18:00+01:00"),
        ("weekday 09:00", "Europe/Paris", "2026-11-03T09:00+01:00"),
        ("weekend 10:00", "Europe/Paris", "2026-11-07T10:00+01:00"),
        # 19:00 on Monday in Tokyo.
        ("monday 18:00", "Asia/Tokyo", "2026-11-09T18:00+09:00"),
        ("2026-12-24 09:00", "Europe/Paris", "2026-12-24T09:00+01:00"),
        ("2026-12-24 09:00", "Asia/Tokyo", "2026-12-24T09:00+09:00"),
        ("2026-11-02 10:00", "Europe/Paris", None),
        # The clocks go forward: 02:30 is no time of this night, and 03:30 follows 01:59 by half an hour more.
        ("2027-03-28 02:30", "Europe/Paris", "2027-03-28T03:30+02:00"),
        # They go back: 02:30 comes twice, the first time in summer time.
        ("2027-10-31 02:30", "Europe/Paris", "2027-10-31T02:30+02:00"),
    ],
)
@pytest.mark.row("S5-016")
def test_until_a_moment_where_the_person_lives(text: str, zone: str, expected: str | None) -> None:
    assert ends(until(text, zone=zone)) == (at(expected) if expected else None)


@pytest.mark.parametrize(
    ("text", "told", "expected"),
    [
        ("-7d from event.properties.on", "2026-11-20T15:00:00+01:00", "2026-11-13T15:00+01:00"),
        ("+2h from event.properties.on", "2026-11-20T15:00:00+01:00", "2026-11-20T17:00+01:00"),
        ("event.properties.on", "2026-11-20T15:00:00+01:00", "2026-11-20T15:00+01:00"),
        # A day is one where the person lives.
        ("event.properties.on", "2026-11-20", "2026-11-20T00:00+01:00"),
        ("-7d from event.properties.on at 09:00", "2026-11-20", "2026-11-13T09:00+01:00"),
        ("-1d from event.properties.on at 09:00", "2026-11-20T23:30:00+00:00", "2026-11-20T09:00+01:00"),
        # Days by the calendar: the one on which the clocks go forward is a day like others.
        ("+1d from event.properties.on at 09:00", "2027-03-27T09:00:00+01:00", "2027-03-28T09:00+02:00"),
        ("+1d from event.properties.on", "2027-03-27T09:00:00+01:00", "2027-03-28T10:00+02:00"),
        # It has passed.
        ("-7d from event.properties.on", "2026-11-05T15:00:00+01:00", None),
        ("+1d from trigger at 09:00", "", "2026-11-03T09:00+01:00"),
        ("+2d from trigger", "", "2026-11-04T11:00+01:00"),
    ],
)
def test_until_so_long_before_or_after_a_date(text: str, told: str, expected: str | None) -> None:
    assert ends(until(text, properties={"on": told})) == (at(expected) if expected else None)


@pytest.mark.parametrize(
    ("props", "why"),
    [
        ({}, "event.properties.on is not known"),
        ({"on": None}, "event.properties.on is not known"),
        ({"on": "soon"}, "event.properties.on is no date"),
        ({"on": 20261120}, "event.properties.on is no date"),
    ],
)
def test_without_the_date_the_flow_is_over_and_says_why(props: dict[str, Any], why: str) -> None:
    over = until("-7d from event.properties.on", properties=props)
    assert (over.run.outcome, over.effects) == ("no_date", ())
    assert next(line.detail for line in over.trail if line.code == "wait_unclear") == {"because": why}


def test_who_is_noticed_late_goes_on_from_when_it_was_due() -> None:
    waiting = until("monday 12:00")
    (timer,) = (one for one in waiting.timers if isinstance(one, TimerSet))
    # Nobody looked for two days.
    of = flow(trigger={"on": "custom:wait"}, goal=None, steps=[{"wait": {"until": "monday 12:00"}}, {"email": "last"}])
    late = advance(of, waiting.run, TimerFired(timer.token), FACTS, timer.due_at + 2 * DAY)
    assert [effect.due_at for effect in late.effects] == [timer.due_at]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("09:00", DAY + HOUR),
        ("tomorrow 09:00", 2 * DAY + HOUR),
        ("monday 09:00", 7 * DAY + HOUR),
        ("weekday 09:00", 3 * DAY + HOUR),
        ("weekend 09:00", 6 * DAY + HOUR),
        ("+24h from trigger", DAY),
        ("+1d from trigger at 09:00", 2 * DAY + HOUR),
        ("2026-12-24 09:00", 400 * DAY),
        ("event.expires_at", 400 * DAY),
    ],
)
def test_how_long_a_wait_may_last(text: str, span: timedelta) -> None:
    assert longest(parse(text)) == span


def awaiting(where: dict[str, Any] | None = None, **more: Any) -> Any:
    return flow(
        exit=["unsubscribed"],
        goal=None,
        steps=[
            {"wait": {"for": "order_paid", "at_most": "3d", **more, **({"where": where} if where else {})},
             "then": [{"email": "proof"}], "else": [{"email": "last"}]},
            {"wait": "1h"},
            {"end": "done"},
        ],
    )  # fmt: skip


def told(name: str = "order_paid", after: timedelta = HOUR, **more: Any) -> Happened:
    return Happened(event(name, T0 + after, **more))


def codes(transition: Transition) -> list[str]:
    return [line.code for line in transition.trail]


def test_the_event_comes() -> None:
    of = awaiting()
    waiting = entered(of)
    assert waiting.run.waiting is not None and waiting.run.waiting.due_at == T0 + 3 * DAY
    came = advance(of, waiting.run, told(), FACTS, T0 + HOUR)
    assert [effect.message for effect in came.effects] == ["proof"]
    assert codes(came) == ["event_came", "message_wanted"] and came.timers == (TimerCancel("wait"),)
    assert came.run.since == T0 + HOUR


def test_the_event_does_not_come_in_time() -> None:
    of = awaiting()
    story = play(of, entered(of), T0)
    assert sent(story) == [("last", T0 + 3 * DAY)]
    assert codes(story[1][1]) == ["event_missed", "message_wanted"]


@pytest.mark.parametrize(
    ("more", "happened", "message"),
    [
        ({}, told("order_placed"), None),
        ({}, told(person=99), None),
        ({"match": "event.checkout_token"}, told(checkout_token="tok"), "proof"),
        ({"match": "event.checkout_token"}, told(checkout_token="other"), None),
        ({"match": "event.checkout_token"}, told(), None),
        ({"where": {"event.total": {"gte": 50}}}, told(total="50.00"), "proof"),
        ({"where": {"event.total": {"gte": 50}}}, told(total="49.99"), None),
        ({"where": {"event.total": {"gte": 50}}}, told(), None),
        # It is told late: it happened after the time was up.
        ({}, told(after=3 * DAY + HOUR), "last"),
        ({}, told(after=-HOUR), "proof"),
        ({}, told(historical=True), None),
    ],
)
def test_which_event_counts(more: dict[str, Any], happened: Happened, message: str | None) -> None:
    of = awaiting(**more)
    waiting = entered(of)
    after = advance(of, waiting.run, happened, FACTS, max(happened.event.occurred_at, T0))
    assert [effect.message for effect in after.effects] == ([message] if message else [])
    if message is None:
        # The wait goes on as it was, with the timer that it has.
        assert after.run is waiting.run and not after.timers


def test_what_cannot_be_told_of_the_event_is_in_the_trail() -> None:
    of = awaiting({"event.total": {"gte": 50}})
    assert codes(advance(of, entered(of).run, told(), FACTS, T0 + HOUR)) == ["event_unclear"]
    assert codes(advance(of, entered(of).run, told(total=1), FACTS, T0 + HOUR)) == []


def test_what_becomes_of_a_message_counts_only_for_its_own_run() -> None:
    of = flow(
        goal=None,
        steps=[{"wait": {"for": "message_clicked", "at_most": "2d"}, "then": [{"email": "proof"}], "else": []}],
    )
    run = entered(of).run
    other = advance(of, run, told("message_clicked", run_id="another"), FACTS, T0 + HOUR)
    own = advance(of, run, told("message_clicked", run_id=str(run.id)), FACTS, T0 + HOUR)
    assert other.run is run and [effect.message for effect in own.effects] == ["proof"]


def test_a_flow_listens_to_what_it_waits_for() -> None:
    assert "order_paid" in awaiting().listens
    assert "order_paid" not in flow().listens


def test_an_event_and_the_end_of_the_time_wake_it_once() -> None:
    of = awaiting()
    waiting = entered(of)
    (timer,) = (one for one in waiting.timers if isinstance(one, TimerSet))
    came = advance(of, waiting.run, told(), FACTS, T0 + HOUR)
    late = advance(of, came.run, TimerFired(timer.token), FACTS, T0 + 3 * DAY)
    assert late == Transition(came.run)


@pytest.mark.row("S1-21", "S1-22", "S1-24", "S5-014", "S5-015", "S5-068", "S5-069", "S5-070", "S5-071")
def test_at_once_after_hours_days_and_weeks() -> None:
    steps = [{"email": "reminder"}]
    for span, message in (("2h", "proof"), ("2d", "plain"), ("1w", "last")):
        steps += [{"wait": span}, {"email": message}]
    of = flow(goal=None, steps=steps)
    moments = [T0, T0 + 2 * HOUR, T0 + 2 * HOUR + 2 * DAY, T0 + 2 * HOUR + 9 * DAY]
    assert [at for _, at in sent(play(of, entered(of), T0))] == moments


@pytest.mark.row("S5-157")
def test_who_does_not_sign_in_for_three_days_is_offered_help() -> None:
    of = flow(
        goal=None,
        steps=[{"wait": {"for": "login", "at_most": "3d"}, "then": [{"email": "plain"}], "else": [{"email": "proof"}]}],
    )
    waiting = entered(of)
    assert sent(play(of, waiting, T0)) == [("proof", T0 + 3 * DAY)]
    signed_in = advance(of, waiting.run, told("login", 2 * DAY), FACTS, T0 + 2 * DAY)
    assert [effect.message for effect in signed_in.effects] == ["plain"]
