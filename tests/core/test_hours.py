from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core.hours import DAY, HORIZON, Hours, Quiet, next_morning, next_open, open_until, outside

PARIS, HONOLULU, GUAM = (ZoneInfo(name) for name in ("Europe/Paris", "Pacific/Honolulu", "Pacific/Guam"))
ZONES = sorted(available_timezones())
MOMENTS = st.integers(
    int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 12, 31, tzinfo=UTC).timestamp())
).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
NIGHT, MIDDAY = outside(time(21), time(9)), outside(time(12), time(13))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def opens(now: str, hours: Hours, *zones: ZoneInfo) -> datetime | None:
    return next_open(at(now), Quiet(hours, zones or (PARIS,)))


@settings(max_examples=300, deadline=None)
@given(MOMENTS, TIMES, TIMES, st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
def test_what_opens_is_open_in_every_zone(now: datetime, start: time, end: time, names: list[str]) -> None:
    def silent(moment: datetime) -> bool:
        walls = [moment.astimezone(ZoneInfo(name)).time() for name in names]
        return any(start <= wall < end if start < end else start != end and not end <= wall < start for wall in walls)

    found = next_open(now, Quiet(outside(start, end), tuple(ZoneInfo(name) for name in names)))
    assert (found == now) == (not silent(now))
    if found is not None:
        assert now <= found <= now + HORIZON + timedelta(days=3) and not silent(found)
    if found is None or found > now + timedelta(days=3):
        # Not once in a week, then.
        assert all(silent(now + timedelta(minutes=10 * n)) for n in range(6 * 24 * 7))


def test_hours_over_midnight_and_a_closed_day_behind_them() -> None:
    evening = "2026-12-24T20:30:00+00:00"
    assert opens(evening, NIGHT) == at("2026-12-25T08:00:00+00:00")
    christmas = frozenset({date(2026, 12, 25), date(2026, 12, 26)})
    assert opens(evening, Hours(NIGHT.week, christmas)) == at("2026-12-27T08:00:00+00:00")
    assert opens("2026-12-25T12:00:00+00:00", Hours(closed=christmas)) == at("2026-12-26T23:00:00+00:00")
    assert opens("2026-12-24T12:00:00+00:00", Hours(NIGHT.week, christmas)) == at("2026-12-24T12:00:00+00:00")


def test_hours_begin_with_their_first_moment_and_end_with_their_last() -> None:
    opening = at("2026-11-03T08:00:00+00:00")
    assert opens("2026-11-02T20:00:00+00:00", NIGHT) == opening
    assert opens("2026-11-02T19:59:59+00:00", NIGHT) == at("2026-11-02T19:59:59+00:00")
    assert opens("2026-11-03T07:59:59+00:00", NIGHT) == opens("2026-11-03T08:00:00+00:00", NIGHT) == opening
    assert opens("2026-11-02T11:00:00+00:00", MIDDAY) == at("2026-11-02T12:00:00+00:00")


def test_hours_in_the_hour_that_occurs_twice() -> None:
    """2026-10-25 in Paris: 02:00 to 03:00 passes twice. It is closed until 02:30, both times."""
    night = outside(time(21), time(2, 30))
    first, second = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T01:30:00+00:00")
    assert opens("2026-10-24T22:00:00+00:00", night) == first
    assert opens("2026-10-25T00:45:00+00:00", night) == at("2026-10-25T00:45:00+00:00")
    assert opens("2026-10-25T01:15:00+00:00", night) == opens(second.isoformat(), night) == second


def test_hours_that_begin_where_the_clock_leaps() -> None:
    """2027-03-28 has no 02:30 in Paris."""
    assert opens("2027-03-28T00:00:00+00:00", outside(time(21), time(2, 30))) == at("2027-03-28T01:30:00+00:00")
    only = Hours((((150, 165),),) * 7)
    assert opens("2027-03-28T00:00:00+00:00", only) == at("2027-03-29T00:30:00+00:00")


def test_zones_that_share_no_hour_never_open() -> None:
    afternoon = Hours((((12 * 60, 17 * 60),),) * 7)
    assert opens("2026-11-02T00:00:00+00:00", afternoon, HONOLULU) == at("2026-11-02T00:00:00+00:00"), "14:00 there"
    assert opens("2026-11-02T00:00:00+00:00", afternoon, HONOLULU, PARIS) is None
    assert opens("2026-11-02T00:00:00+00:00", afternoon, HONOLULU, GUAM) == at("2026-11-02T02:00:00+00:00")
    assert opens("2026-11-02T00:00:00+00:00", Hours(((),) * 7)) is None


def test_hours_narrow_each_other_and_never_widen() -> None:
    both = NIGHT.narrowed(MIDDAY)
    assert both.week == (((9 * 60, 12 * 60), (13 * 60, 21 * 60)),) * 7
    assert both.narrowed(Hours(closed=frozenset({date(2026, 1, 1)}))).closed == {date(2026, 1, 1)}
    assert outside(time(8), time(8)) == Hours() and outside(time(0), time(9)).week[0] == ((9 * 60, DAY),)


def test_the_next_morning_is_when_the_night_ends() -> None:
    noon = at("2026-11-02T11:00:00+00:00")
    nine = at("2026-11-03T08:00:00+00:00")
    assert next_morning(noon, None, PARIS) == nine
    assert next_morning(noon, Quiet(outside(time(20), time(10)), (PARIS,)), PARIS) == nine + timedelta(hours=1)
    assert next_morning(noon, Quiet(MIDDAY, (PARIS,)), PARIS) == nine, "no night is closed: 9:00"
    assert next_morning(noon, Quiet(outside(time(8), time(11)), (PARIS,)), PARIS) == nine + timedelta(hours=2)


def test_what_is_open_closes_where_it_closes_first() -> None:
    noon = at("2026-11-02T11:00:30+00:00")
    assert open_until(noon, Quiet(NIGHT, (PARIS,))) == at("2026-11-02T20:00:00+00:00")
    assert open_until(noon, Quiet(NIGHT, (PARIS, GUAM))) == at("2026-11-02T11:01:00+00:00"), "21:00 there"
    assert open_until(noon, Quiet(Hours(), (PARIS,))) == noon + timedelta(days=1)
