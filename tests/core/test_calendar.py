from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import calendar, durations
from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import Entered, Run
from tests.core.examples import DAY, FACTS, abandoned, flow, play

PARIS = ZoneInfo("Europe/Paris")
ZONES = sorted(available_timezones())
MOMENTS = st.integers(
    int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 12, 31, tzinfo=UTC).timestamp())
).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("wall", "after", "expected"),
    [
        # Summer: two hours ahead.
        ("09:00", "2026-07-01T06:59:00+00:00", "2026-07-01T07:00:00+00:00"),
        ("09:00", "2026-07-01T07:00:00+00:00", "2026-07-01T07:00:00+00:00"),
        ("09:00", "2026-07-01T07:00:01+00:00", "2026-07-02T07:00:00+00:00"),
        # 2027-03-28 has no 02:30 in Paris: 03:30 it is.
        ("02:30", "2027-03-28T00:00:00+00:00", "2027-03-28T01:30:00+00:00"),
        ("02:30", "2027-03-28T01:10:00+00:00", "2027-03-28T01:30:00+00:00"),
        ("02:30", "2027-03-28T01:31:00+00:00", "2027-03-29T00:30:00+00:00"),
        # 2026-10-25 has 02:30 twice: the first, and once only.
        ("02:30", "2026-10-24T22:00:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("02:30", "2026-10-25T00:30:01+00:00", "2026-10-26T01:30:00+00:00"),
    ],
)
def test_the_next_time_of_day_at_clock_changes(wall: str, after: str, expected: str) -> None:
    assert calendar.next_time_of_day(calendar.time_of_day(wall), at(after), PARIS) == at(expected)


@settings(max_examples=400, deadline=None)
@given(MOMENTS, TIMES, st.sampled_from(ZONES))
def test_the_next_time_of_day_in_every_zone(after: datetime, wall: time, name: str) -> None:
    where = ZoneInfo(name)
    found = calendar.next_time_of_day(wall, after, where)
    local = found.astimezone(where)
    assert after <= found <= after + timedelta(hours=49)
    if local.time() != wall:
        # Only where the wall never shows that time on that day, and then later by what was skipped.
        skipped = datetime.combine(local.date(), wall, where)
        assert skipped.astimezone(UTC).astimezone(where).time() != wall
        assert local.replace(tzinfo=None) > skipped.replace(tzinfo=None)
    again = calendar.next_time_of_day(wall, found + timedelta(seconds=1), where)
    assert again.astimezone(where).date() > local.date() or local.time() != wall


def test_zones_fall_back_to_the_shop_and_then_to_utc() -> None:
    assert calendar.zone_of({"person": {"timezone": "Asia/Tokyo"}}).key == "Asia/Tokyo"
    nowhere = {"person": {"timezone": "Mars/Base"}, "shop": {"timezone": "Europe/Paris"}}
    assert calendar.zone_of(nowhere).key == "Europe/Paris"
    assert calendar.zone_of({"person": {"timezone": None}, "shop": {"timezone": ""}}).key == "UTC"
    assert calendar.zone_of({"person": {"timezone": "../etc/passwd"}}).key == "UTC"


@pytest.mark.parametrize("text", ["", "3", "h", "0h", "-1h", "1.5h", "3 h", "3hours", "401d", "9999999m", "1y"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="“"):
        durations.parse(text)


@given(st.integers(1, 400 * 24 * 60))
def test_lengths_of_time_are_read_as_they_are_said(minutes: int) -> None:
    span = timedelta(minutes=minutes)
    assert durations.parse(durations.say(span)) == span


@pytest.mark.parametrize("text", ["9", "24:00", "9:60", "noon", "09:00:00", ""])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        calendar.time_of_day(text)


# The clocks of these places by the laws of their countries, worked out by hand: no table of zones is asked.
NEW_YORK, SYDNEY, LORD_HOWE = (
    ZoneInfo(name) for name in ("America/New_York", "Australia/Sydney", "Australia/Lord_Howe")
)


def sunday(year: int, month: int, nth: int) -> date:
    """The nth Sunday of a month; the last for -1."""
    days = [date(year, month, 1) + timedelta(days=n) for n in range(31)]
    return [day for day in days if day.month == month and day.weekday() == 6][nth - 1 if nth > 0 else nth]


# (zone, offset in winter, offset in summer, summer begins and ends in UTC: (month, nth Sunday, hours from midnight))
LAWS = [
    (PARIS, 1, 2, (3, -1, 1), (10, -1, 1)),
    (NEW_YORK, -5, -4, (3, 2, 7), (11, 1, 6)),
    (SYDNEY, 10, 11, (10, 1, -8), (4, 1, -8)),
    (LORD_HOWE, 10.5, 11, (10, 1, -8.5), (4, 1, -9)),
]


def by_law(
    wall: datetime, law: tuple[ZoneInfo, float, float, tuple[int, int, float], tuple[int, int, float]]
) -> datetime:
    """The first moment at which clocks show this; where they skip it, as much later as they skip."""
    _, winter, summer, begins, ends = law
    first, last = (
        datetime.combine(sunday(wall.year, month, nth), time(), UTC) + timedelta(hours=hours)
        for month, nth, hours in (begins, ends)
    )
    found = []
    for offset in (winter, summer):
        moment = wall.replace(tzinfo=UTC) - timedelta(hours=offset)
        is_summer = first <= moment < last if first < last else not last <= moment < first
        if is_summer is (offset == summer):
            found.append(moment)
    return min(found) if found else wall.replace(tzinfo=UTC) - timedelta(hours=winter)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law[0].key)
def test_wall_times_of_five_years_by_the_laws_of_clocks(law: Any) -> None:
    changes = {sunday(year, month, nth) for year in range(2026, 2031) for month, nth, _ in law[3:]}
    days = [day + timedelta(days=n) for day in changes for n in (-1, 0, 1)]
    walls = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]
    wrong = [
        (day, wall)
        for day in days
        for wall in walls
        if calendar.at_wall_time(day, wall, law[0]) != by_law(datetime.combine(day, wall), law)
    ]
    assert wrong == []
    # Some are skipped, or nothing of this would be shown.
    shown = {
        (day, wall): calendar.at_wall_time(day, wall, law[0]).astimezone(law[0]).time()
        for day in days
        for wall in walls
    }
    assert any(there != wall for (_, wall), there in shown.items())


@pytest.mark.parametrize(
    ("days", "wall", "after", "expected"),
    [
        # On the day itself while the time is to come, else a week later; over the change of clocks by the wall.
        ({0}, "09:00", "2026-10-19T06:59:59Z", "2026-10-19T07:00:00Z"),
        ({0}, "09:00", "2026-10-19T07:00:00Z", "2026-10-19T07:00:00Z"),
        ({0}, "09:00", "2026-10-19T07:00:01Z", "2026-10-26T08:00:00Z"),
        ({5, 6}, "10:00", "2026-11-06T12:00:00Z", "2026-11-07T09:00:00Z"),
        # It is Tuesday in Paris already.
        ({1}, "00:30", "2026-11-02T23:10:00Z", "2026-11-02T23:30:00Z"),
    ],
)
def test_the_next_weekday(days: set[int], wall: str, after: str, expected: str) -> None:
    assert calendar.next_on_weekday(days, calendar.time_of_day(wall), at(after), PARIS) == at(expected)
    with pytest.raises(ValueError, match="no weekday"):
        calendar.next_on_weekday((), calendar.time_of_day(wall), at(after), PARIS)


def test_days_that_a_month_or_a_year_lacks_are_its_last_before() -> None:
    assert calendar.day_of_month(2027, 2, 31) == date(2027, 2, 28) and calendar.day_of_month(2028, 2, 31).day == 29
    assert calendar.day_of_month(2027, 4, 31) == date(2027, 4, 30) and calendar.day_of_month(2027, 5, 31).day == 31
    leap = date(2024, 2, 29)
    assert [calendar.in_year(leap, year).isoformat() for year in (2025, 2028)] == ["2025-02-28", "2028-02-29"]


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, SYDNEY, LORD_HOWE], ids=lambda zone: zone.key)
def test_a_day_is_24_hours_and_tomorrow_at_nine_is_what_the_wall_shows(zone: ZoneInfo) -> None:
    """Through the wait itself, begun at each hour of the days around each change of clocks."""
    facts = {**FACTS, "person": {**FACTS["person"], "timezone": zone.key}}
    waits = ("1d", {"until": "09:00"})
    plain, wall = (flow(goal=None, exit=None, steps=[{"wait": wait}, {"email": "last"}]) for wait in waits)

    def over(of: Any, now: datetime) -> datetime:
        run = enrol(of, abandoned(now), [], [], facts, now)
        assert isinstance(run, Run)
        return play(of, advance(of, run, Entered(), facts, now), now, facts=facts)[1][0]

    law = next(law for law in LAWS if law[0] is zone)
    for month, nth, _ in law[3:]:
        begin = datetime.combine(sunday(2027, month, nth), time(), UTC) - DAY
        for hour in range(0, 48, 3):
            now = begin + timedelta(hours=hour)
            assert over(plain, now) == now + timedelta(hours=24)
            shown = over(wall, now).astimezone(zone)
            assert (shown.hour, shown.minute) == (9, 0) and timedelta(0) <= shown - now <= timedelta(hours=25)
