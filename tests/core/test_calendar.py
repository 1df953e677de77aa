from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import calendar, durations

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
