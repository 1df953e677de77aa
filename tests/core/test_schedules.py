"""Schedules: on which days they fall and when that is, held against a calendar that was reckoned another way."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule, tz
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import signals, standing
from flows.core.enrol import enrol
from flows.core.model import Event, Note, PastRun, Run
from flows.core.problems import DefinitionError
from flows.core.schedules import LONGEST_DEADLINE, SPREAD, Schedule, read
from flows.core.signals.schedule import armed
from flows.core.validate import load
from tests.core.examples import DAY, FACTS, MESSAGES, T0, definition, event

PARIS, SYDNEY = ZoneInfo("Europe/Paris"), ZoneInfo("Australia/Sydney")
MONDAY = {"on": "schedule", "every": "monday", "at": "09:00"}
WEEKLY = dict(goal=None, exit=None, reentry="always", steps=[{"email": "last"}])
FACTS_OF_HER = {**FACTS, "person": {**FACTS["person"], "id": 7}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(schedule: Schedule, after: datetime, count: int, where: ZoneInfo = PARIS) -> list[str]:
    found = []
    for _ in range(count):
        day = schedule.upcoming(after, where)
        if day is None:
            break
        after = schedule.begins(day, where)
        found.append(f"{day} {after:%H:%M}")
    return found


@pytest.mark.row("S5-048")
@pytest.mark.parametrize(
    ("trigger", "after", "expected"),
    [
        # 9:00 in Paris is 7:00 in summer and 8:00 in winter: over both changes of 2026 and 2027.
        (MONDAY, "2026-10-19T00:00Z", ["2026-10-19 07:00", "2026-10-26 08:00", "2026-11-02 08:00"]),
        (MONDAY, "2027-03-22T08:00Z", ["2027-03-29 07:00", "2027-04-05 07:00"]),
        # On the very moment it is the next one's turn.
        (MONDAY, "2026-10-26T07:59:59Z", ["2026-10-26 08:00"]),
        (MONDAY, "2026-10-26T08:00Z", ["2026-11-02 08:00"]),
        # 02:30 is skipped on 28 March 2027 and comes twice on 25 October 2026, which is once.
        ({"every": "day", "at": "02:30"}, "2027-03-27T00:00Z", ["2027-03-27 01:30", "2027-03-28 01:30"]),
        ({"every": "day", "at": "02:30"}, "2026-10-24T12:00Z", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        (
            {"every": ["thursday", "monday"], "at": "9:00"},
            "2026-11-02T12:00Z",
            ["2026-11-05 08:00", "2026-11-09 08:00"],
        ),
        ({"every": "weekday", "at": "09:00"}, "2026-11-05T12:00Z", ["2026-11-06 08:00", "2026-11-09 08:00"]),
        # Months without the day have it on their last.
        (
            {"every": "month", "day": 31, "at": "09:00"},
            "2027-01-31T12:00Z",
            ["2027-02-28 08:00", "2027-03-31 07:00", "2027-04-30 07:00"],
        ),
        ({"every": "month", "day": 29, "at": "09:00"}, "2028-02-01T12:00Z", ["2028-02-29 08:00", "2028-03-29 07:00"]),
    ],
)
def test_when_a_schedule_comes(trigger: dict[str, Any], after: str, expected: list[str]) -> None:
    assert days(read(trigger), at(after), len(expected)) == expected


@pytest.mark.row("S5-016")
def test_a_date_comes_once() -> None:
    once = read({"date": date(2026, 12, 24), "at": "18:30"})
    assert days(once, T0, 3) == ["2026-12-24 17:30"]
    assert once.upcoming(at("2026-12-24T17:30Z"), PARIS) is None


def test_where_each_person_is_an_occurrence_goes_round_the_earth() -> None:
    schedule = read({**MONDAY, "zone": "person"})
    day = date(2026, 11, 2)
    moments = [schedule.moment(day, ZoneInfo(name)) for name in ("Pacific/Kiritimati", "Europe/Paris", "Etc/GMT+12")]
    assert moments == [at("2026-11-01T19:00Z"), at("2026-11-02T08:00Z"), at("2026-11-02T21:00Z")]
    assert schedule.begins(day, PARIS) <= min(moments) and max(moments) + schedule.deadline <= schedule.ends(day, PARIS)


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"]
)
MOMENTS = st.integers(0, 9 * 365 * 24 * 60).map(lambda minutes: T0 + timedelta(minutes=minutes))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


def reckoned(wall: datetime, zone: str) -> datetime:
    """A wall time by dateutil's rules: what does not exist moves forward, of two it is the first."""
    where = tz.gettz(zone)
    return tz.resolve_imaginary(wall.replace(tzinfo=where, fold=0)).astimezone(UTC)


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(0, 6), min_size=1), TIMES, MOMENTS, ZONES)
def test_weekdays_as_another_calendar_reckons_them(wanted: set[int], wall: time, after: datetime, zone: str) -> None:
    schedule = Schedule(wall, tuple(sorted(wanted)))
    begin = (after - timedelta(days=2)).replace(tzinfo=None)
    rule = rrule.rrule(
        rrule.DAILY,
        byweekday=tuple(wanted),
        byhour=wall.hour,
        byminute=wall.minute,
        bysecond=0,
        dtstart=begin,
        count=14,
    )
    expected = next(moment for one in rule if (moment := reckoned(one, zone)) > after)
    day = schedule.upcoming(after, ZoneInfo(zone))
    assert day is not None and schedule.moment(day, ZoneInfo(zone)) == expected
    # The control: the wall of another zone is another moment.
    assert schedule.moment(day, ZoneInfo("Pacific/Auckland")) != expected


@settings(max_examples=100, deadline=None)
@given(TIMES, MOMENTS, ZONES)
def test_of_two_occurrences_one_at_most_is_in_time(wall: time, now: datetime, zone: str) -> None:
    daily = Schedule(wall, tuple(range(7)), deadline=LONGEST_DEADLINE)
    today = now.date()
    moments = [daily.moment(today + timedelta(days=n), ZoneInfo(zone)) for n in range(-3, 3)]
    assert sum(moment <= now <= moment + daily.deadline for moment in moments) <= 1


def test_people_enter_within_minutes_always_at_the_same_one() -> None:
    schedule, day = read(MONDAY), date(2026, 11, 2)
    moment = schedule.moment(day, PARIS)
    late = [schedule.entering(day, PARIS, "flow", str(n)) - moment for n in range(300)]
    assert timedelta(0) <= min(late) < SPREAD * 0.05 and SPREAD * 0.95 < max(late) < SPREAD
    assert late == [schedule.entering(day, PARIS, "flow", str(n)) - moment for n in range(300)]
    assert read({**MONDAY, "exact": True}).entering(day, PARIS, "flow", "1") == moment


# As a trigger of a flow


def scheduled(**trigger: Any) -> Any:
    return load(definition(trigger={**MONDAY, **trigger}, **WEEKLY), messages=MESSAGES)


def told(of: Any, now: datetime, day: date = date(2026, 11, 2)) -> list[Event]:
    """What the clock of this person tells when it rings."""
    schedule = of.trigger.schedule
    timer = armed(of.flow, schedule, day, schedule.moment(day, PARIS), schedule.moment(day, PARIS))
    return [
        event(new.name, new.occurred_at, **new.props)
        for new in signals.fire(timer.signal, timer.payload, FACTS_OF_HER, now).events
    ]


def test_whoever_is_let_in_enters_for_the_occurrence() -> None:
    flow = scheduled()
    (one,) = told(flow, at("2026-11-02T08:00Z"))
    run = enrol(flow, one, [], [], FACTS_OF_HER, one.occurred_at)
    assert isinstance(run, Run)
    assert (run.key, run.anchor_at, run.since) == ("2026-11-02 09:00", one.occurred_at, one.occurred_at)
    # Not twice for one occurrence, and not while inside for another one.
    again = enrol(flow, one, [], [PastRun(run.key, T0)], FACTS_OF_HER, T0)
    assert isinstance(again, Note) and again.code == "same_occurrence"
    (next_week,) = told(flow, at("2026-11-09T08:00Z"), date(2026, 11, 9))
    inside = enrol(flow, next_week, [run], [], FACTS_OF_HER, T0)
    assert isinstance(inside, Note) and inside.code == "already_in"
    assert isinstance(enrol(flow, next_week, [], [PastRun(run.key, T0)], FACTS_OF_HER, T0), Run)


def test_whoever_another_flow_puts_in_enters_for_no_occurrence() -> None:
    flow = scheduled()
    put_in = event(standing.moved("cart"), T0, moved_from="other", moves=1)
    run = enrol(flow, put_in, [], [PastRun("", T0 - DAY)], FACTS_OF_HER, T0)
    assert isinstance(run, Run) and run.key == ""


def test_a_schedule_is_a_flows_own_and_what_it_was_before_lets_nobody_in() -> None:
    monday, tuesday = scheduled(), scheduled(every="tuesday")
    (one,) = told(monday, at("2026-11-02T08:00Z"))
    assert enrol(tuesday, one, [], [], FACTS_OF_HER, T0) is None
    other = load(definition(flow="other", trigger=MONDAY, **WEEKLY), messages=MESSAGES)
    assert enrol(other, one, [], [], FACTS_OF_HER, T0) is None


@pytest.mark.parametrize(("now", "count"), [("2026-11-02T20:00:00Z", 1), ("2026-11-02T20:00:01Z", 0)])
def test_after_its_deadline_a_clock_tells_nothing(now: str, count: int) -> None:
    assert len(told(scheduled(), at(now))) == count
    assert len(told(scheduled(deadline="23h"), at(now))) == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"trigger": {"on": "schedule"}}, "A schedule says either “every” or “date”"),
    ({"trigger": {**MONDAY, "date": "2026-12-24"}}, "A schedule says either “every” or “date”"),
    ({"trigger": {"on": "schedule", "every": "monday"}}, "A schedule needs “at”, the time of day"),
    ({"trigger": {**MONDAY, "at": "9"}}, "“9” is no time of day"),
    ({"trigger": {**MONDAY, "every": "mondays"}}, "“mondays” is no day; write day, weekday, month, monday"),
    ({"trigger": {**MONDAY, "every": ["monday", "noon"]}}, "“noon” is no day"),
    ({"trigger": {**MONDAY, "every": []}}, "“every” names no day"),
    (
        {"trigger": {**MONDAY, "every": "month"}},
        "“day” is the day of the month; write for example every: month, day: 1",
    ),
    ({"trigger": {**MONDAY, "day": 3}}, "“day” is the day of the month"),
    ({"trigger": {**MONDAY, "every": "month", "day": 32}}, "“day”: Must be greater than or equal to 1"),
    ({"trigger": {"on": "schedule", "date": "soon", "at": "09:00"}}, "“date” must be a date"),
    ({"trigger": {**MONDAY, "zone": "Europe/Paris"}}, "“zone”: Must be one of: shop, person"),
    ({"trigger": {**MONDAY, "deadline": "2d"}}, "The deadline of a schedule is between 15m and 23h"),
    ({"trigger": {**MONDAY, "exact": "often"}}, "“exact” must be true or false"),
    ({"trigger": {**MONDAY, "key": "event.flow"}}, "A schedule has no “key”. Say with audience who enters."),
    ({"trigger": {**MONDAY, "where": {"event.flow": "x"}}}, "A schedule has no “where”. Say with audience who enters."),
    ({"trigger": {**MONDAY, "after": "1h"}}, "“schedule” has no clock, so “after” means nothing here"),
    ({"trigger": MONDAY, "reentry": None}, "Without “reentry” everybody enters once and never again"),
    (
        {"trigger": {"on": "order_placed", "at": "09:00"}},
        "“at” belongs to a schedule, and this flow starts on order_placed. Write on: schedule, or leave it out.",
    ),
]


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_what_is_wrong_with_a_schedule(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(definition(**{**WEEKLY, **changes}), messages=MESSAGES)
    assert [line for line in map(str, caught.value.problems) if said in line], str(caught.value)
    assert len(caught.value.problems) == 1


def test_schedules_that_are_right() -> None:
    for trigger in (
        MONDAY,
        {**MONDAY, "every": "month", "day": 31},
        {**MONDAY, "zone": "person", "exact": True, "deadline": "23h"},
    ):
        assert load(definition(trigger=trigger, **WEEKLY), messages=MESSAGES).trigger.schedule
    once = {"on": "schedule", "date": "2026-12-24", "at": "09:00"}
    assert load(definition(trigger=once, **{**WEEKLY, "reentry": None}), messages=MESSAGES).reentry.kind == "never"
