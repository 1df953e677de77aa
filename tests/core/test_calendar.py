from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import calendar, durations
from flows.core.calendar import QuietHours

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


@settings(max_examples=400, deadline=None)
@given(MOMENTS, TIMES, TIMES, st.sampled_from(ZONES))
def test_quiet_hours_end_where_it_is_not_quiet(now: datetime, start: time, end: time, name: str) -> None:
    where, quiet = ZoneInfo(name), QuietHours(start, end)
    until = calendar.quiet_until(now, quiet, where)

    def silent(moment: datetime) -> bool:
        wall = moment.astimezone(where).time()
        return start <= wall < end if start < end else start != end and (wall >= start or wall < end)

    assert (until is not None) == silent(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26) and not silent(until)


def test_quiet_hours_over_midnight_and_a_holiday_behind_them() -> None:
    night = QuietHours(time(21), time(9))
    evening = at("2026-12-24T20:30:00+00:00")
    assert calendar.quiet_until(evening, night, PARIS) == at("2026-12-25T08:00:00+00:00")
    christmas = {date(2026, 12, 25), date(2026, 12, 26)}
    assert calendar.quiet_until(evening, night, PARIS, christmas) == at("2026-12-27T08:00:00+00:00")
    assert calendar.quiet_until(evening, None, PARIS, christmas) is None
    assert calendar.quiet_until(at("2026-12-25T12:00:00+00:00"), None, PARIS, christmas) == at(
        "2026-12-26T23:00:00+00:00"
    )
    assert calendar.quiet_until(at("2026-12-24T12:00:00+00:00"), night, PARIS, christmas) is None


def test_quiet_hours_begin_with_their_first_moment_and_end_with_their_last() -> None:
    night, noon = QuietHours(time(21), time(9)), QuietHours(time(12), time(13))
    assert calendar.quiet_until(at("2026-11-02T20:00:00+00:00"), night, PARIS) is not None
    assert calendar.quiet_until(at("2026-11-02T19:59:59+00:00"), night, PARIS) is None
    assert calendar.quiet_until(at("2026-11-02T08:00:00+00:00"), night, PARIS) is None
    assert calendar.quiet_until(at("2026-11-02T11:00:00+00:00"), noon, PARIS) is not None
    assert calendar.quiet_until(at("2026-11-02T12:00:00+00:00"), noon, PARIS) is None


def test_quiet_hours_that_end_in_the_hour_that_occurs_twice() -> None:
    """2026-10-25 in Paris: 02:00 to 03:00 passes twice. It is quiet until 02:30, both times."""
    night = QuietHours(time(21), time(2, 30))
    first, second = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T01:30:00+00:00")
    assert calendar.quiet_until(at("2026-10-24T22:00:00+00:00"), night, PARIS) == first
    assert calendar.quiet_until(at("2026-10-25T00:45:00+00:00"), night, PARIS) is None
    assert calendar.quiet_until(at("2026-10-25T01:15:00+00:00"), night, PARIS) == second
    assert calendar.quiet_until(second, night, PARIS) is None


def test_zones_fall_back_to_the_shop_and_then_to_utc() -> None:
    assert calendar.zone_of({"person": {"timezone": "Asia/Tokyo"}}).key == "Asia/Tokyo"
    nowhere = {"person": {"timezone": "Mars/Base"}, "shop": {"timezone": "Europe/Paris"}}
    assert calendar.zone_of(nowhere).key == "Europe/Paris"
    assert calendar.zone_of({"person": {"timezone": None}, "shop": {"timezone": ""}}).key == "UTC"
    assert calendar.zone_of({"person": {"timezone": "../etc/passwd"}}).key == "UTC"


def test_the_next_morning_is_when_quiet_hours_end() -> None:
    noon = at("2026-11-02T11:00:00+00:00")
    assert calendar.next_morning(noon, None, PARIS) == at("2026-11-03T08:00:00+00:00")
    assert calendar.next_morning(noon, QuietHours(time(20), time(10)), PARIS) == at("2026-11-03T09:00:00+00:00")


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
