"""Signals whose clocks run for months, and how they are armed for people who were there before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.core import signals
from flows.core.signals import SIGNALS, Anchor, ArmTimer, Derived, PastClock, SignalSettings, put_off
from tests.core.examples import DAY, FACTS, T0, event

HEARD = frozenset({"lapsed", "first_order_anniversary"})
SETTINGS = SignalSettings({"lapsed": (60 * DAY, 90 * DAY)}, HEARD)
ONE = SignalSettings({"lapsed": (60 * DAY,)}, HEARD)


def facts(**person: Any) -> dict[str, Any]:
    return {**FACTS, "person": {**FACTS["person"], "id": 7, **person}}


def ordered(at: datetime, before: int = 0, **props: Any) -> Any:
    return event("order_placed", at, key="tok", order_id=1, total="5.00", orders_before=before, **props)


def armed(signal: str, at: datetime = T0, settings: SignalSettings = SETTINGS) -> ArmTimer:
    (timer,) = (one for one in signals.derive(ordered(at), facts(), settings, at).arm if one.signal == signal)
    return timer


def rung(timer: ArmTimer, now: datetime, **person: Any) -> Derived:
    return signals.fire(timer.signal, timer.payload, facts(**person), now)


def past(signal: str, at: datetime, now: datetime, settings: SignalSettings = SETTINGS) -> PastClock:
    found = SIGNALS[signal].past
    assert found is not None
    clock = found.clock(Anchor(7, FACTS["person"]["seed"], "", at, "Europe/Paris"), settings, now)
    assert clock is not None
    return clock


def test_whoever_has_a_clock_says_how_the_past_is_armed() -> None:
    clocks = {name for name, signal in SIGNALS.items() if signal.fire is not None}
    armed_otherwise = {
        # By the flow's own occurrences.
        "schedule",
        # What somebody looked at before there was a flow is of no use any more.
        *("browse_abandoned", "search_without_purchase"),
    }
    assert clocks - armed_otherwise == {name for name, signal in SIGNALS.items() if signal.past is not None}


def test_a_clock_that_nobody_hears_is_not_armed() -> None:
    assert {one.signal for one in signals.derive(ordered(T0), facts(), SETTINGS, T0).arm} == HEARD
    assert signals.derive(ordered(T0), facts(), SignalSettings(), T0).arm == ()
    assert signals.derive(ordered(T0, test=True), facts(), SETTINGS, T0).arm == ()


def test_each_threshold_is_told_once() -> None:
    timer = armed("lapsed")
    assert timer.due_at == T0 + 60 * DAY
    derived = rung(timer, timer.due_at, last_order_at=T0.isoformat())
    (told,), (second,) = derived.events, derived.arm
    assert (told.name, told.occurred_at, told.subject) == ("lapsed", T0 + 60 * DAY, "person:7")
    assert told.props["after_seconds"] == 60 * 86400 and told.props["anchor_at"] == T0.isoformat()
    assert second.due_at == T0 + 90 * DAY
    last = rung(second, second.due_at, last_order_at=T0.isoformat())
    assert [one.props["after_seconds"] for one in last.events] == [90 * 86400] and last.arm == ()
    assert last.events[0].identity != told.identity


def test_an_order_since_gives_the_whole_time_again() -> None:
    since = T0 + 30 * DAY
    derived = rung(armed("lapsed"), T0 + 60 * DAY, last_order_at=since.isoformat())
    assert not derived.events and [one.due_at for one in derived.arm] == [since + 60 * DAY]


def test_nothing_is_told_of_somebody_without_orders() -> None:
    assert rung(armed("lapsed"), T0 + 60 * DAY, last_order_at=None) == Derived()
    assert rung(armed("first_order_anniversary"), T0 + 366 * DAY, first_order_at=None) == Derived()


@pytest.mark.parametrize(
    ("age", "due", "seconds"),
    [(10, 50, 60), (59, 1, 60), (60, 0, 60), (75, -15, 60), (90, 0, 90), (400, -310, 90)],
)
def test_who_has_passed_several_thresholds_stands_at_the_last(age: int, due: int, seconds: int) -> None:
    clock = past("lapsed", T0 - age * DAY, T0)
    assert clock.timer.due_at == T0 + due * DAY
    assert clock.timer.payload["after_seconds"][clock.timer.payload["place"]] == seconds * 86400


@pytest.mark.parametrize("signal", sorted(HEARD))
def test_the_past_arms_what_the_event_would_have_armed_and_tells_the_same_fact(signal: str) -> None:
    clock = past(signal, T0, T0)
    assert clock.timer == armed(signal)
    moments = {"last_order_at": T0.isoformat(), "first_order_at": T0.isoformat()}
    (told,) = rung(clock.timer, clock.timer.due_at, **moments).events
    assert told.identity == clock.tells


def test_a_clock_that_is_put_off_keeps_its_distances_and_its_fact() -> None:
    clock = past("lapsed", T0 - 75 * DAY, T0)
    until = T0 + 3 * DAY
    later = put_off(clock.timer, until)
    assert rung(later, until - timedelta(seconds=1), last_order_at=(T0 - 75 * DAY).isoformat()).arm == (later,)
    derived = rung(later, until, last_order_at=(T0 - 75 * DAY).isoformat())
    (told,), (second,) = derived.events, derived.arm
    assert told.occurred_at == until and told.props["anchor_at"] == (until - 60 * DAY).isoformat()
    assert told.identity == clock.tells and told.props["last_order_at"] == (T0 - 75 * DAY).isoformat()
    assert second.due_at == until + 30 * DAY
    # The control: without being put off it would tell of a moment that is long over.
    assert rung(clock.timer, until, last_order_at=(T0 - 75 * DAY).isoformat()).events[0].occurred_at < T0


@pytest.mark.parametrize(
    ("first", "now", "due"),
    [
        # Over a change of clocks: the same time on the wall.
        (datetime(2026, 3, 20, 8, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), datetime(2027, 3, 20, 8, tzinfo=UTC)),
        (datetime(2024, 2, 29, 8, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), datetime(2027, 2, 28, 8, tzinfo=UTC)),
        (
            datetime(2024, 2, 29, 8, tzinfo=UTC),
            datetime(2027, 3, 1, tzinfo=UTC),
            datetime(2028, 2, 29, 8, tzinfo=UTC),
        ),
        # On the very moment it is the next year's.
        (
            datetime(2020, 11, 2, 8, tzinfo=UTC),
            datetime(2026, 11, 2, 8, tzinfo=UTC),
            datetime(2027, 11, 2, 8, tzinfo=UTC),
        ),
        # The year ends earlier in Paris.
        (
            datetime(2025, 12, 31, 23, 30, tzinfo=UTC),
            datetime(2026, 11, 2, tzinfo=UTC),
            datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
        ),
    ],
)
def test_anniversaries(first: datetime, now: datetime, due: datetime) -> None:
    timer = past("first_order_anniversary", first, now).timer
    assert timer.due_at == due
    derived = rung(timer, due, first_order_at=first.isoformat())
    assert [one.occurred_at for one in derived.events] == [due] and derived.arm[0].due_at > due


def test_a_repeat_order_arms_no_anniversary_and_an_earlier_first_order_moves_it() -> None:
    repeat = signals.derive(ordered(T0, before=1), facts(), SETTINGS, T0)
    assert [one.signal for one in repeat.arm] == ["lapsed"]
    earlier = T0 - 10 * DAY
    derived = rung(armed("first_order_anniversary"), T0 + 365 * DAY, first_order_at=earlier.isoformat())
    assert not derived.events and derived.arm[0].payload["first_order_at"] == earlier.isoformat()


def test_a_cart_of_the_past_is_told_as_its_event_would_have() -> None:
    found = SIGNALS["checkout_abandoned"].past
    assert found is not None and not found.late
    clock = found.clock(Anchor(7, "2b1f", "tok", T0, None), ONE, T0)
    assert clock is not None and clock.timer.due_at == T0 + timedelta(hours=1)
    checkout = {"source_updated_at": T0.isoformat(), "items": [{"title": "Mug"}], "total": "6.00"}
    derived = signals.fire(clock.timer.signal, clock.timer.payload, {**FACTS, "checkout": checkout}, clock.timer.due_at)
    assert [one.identity for one in derived.events] == [clock.tells]
