"""Local time: the person's zone, the next time of day, days of the week, the month and the year.

Rules at clock changes: a wall time that does not exist moves forward (02:30 becomes 03:30), one that exists
twice means the first. ``1d`` is 24 hours of elapsed time; ``until 09:00`` is wall time. A day that a month or a year
does not have is its last one before: the 31st of April is the 30th, 29 February is the 28th.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.core.facts import Facts, lookup

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of `date.weekday`."""
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def time_of_day(text: str) -> time:
    """``"09:00"`` as a time. Raises ValueError with a sentence for the author."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text}” is no time of day; write for example 09:00 or 18:30")
    return time(int(match[1]), int(match[2]))


def zone(*names: object) -> ZoneInfo:
    """The first of these names that is a time zone; UTC when none is."""
    for name in names:
        if isinstance(name, str) and name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")


def zone_of(facts: Facts) -> ZoneInfo:
    """The person's zone, else the shop's, else UTC."""
    return zone(lookup(facts, "person.timezone"), lookup(facts, "shop.timezone"))


def at_wall_time(day: date, at: time, where: ZoneInfo) -> datetime:
    # fold=0 takes the first of two; in a gap it takes the offset from before, which moves forward.
    return datetime.combine(day, at, where).astimezone(UTC)


def next_time_of_day(at: time, after: datetime, where: ZoneInfo) -> datetime:
    """The first moment not before `after` when the clock on the wall shows `at`, in UTC."""
    day = after.astimezone(where).date()
    moment = at_wall_time(day, at, where)
    return moment if moment >= after else at_wall_time(day + timedelta(days=1), at, where)


def next_on_weekday(days: Collection[int], at: time, after: datetime, where: ZoneInfo) -> datetime:
    """The first moment not before `after` when the wall shows one of these weekdays (0 is Monday) and `at`, in UTC.

    Raises ValueError when there are no days.
    """
    today = after.astimezone(where).date()
    # A week from today is the same weekday, when its time has passed today.
    for ahead in range(8):
        day = today + timedelta(days=ahead)
        if day.weekday() in days and (moment := at_wall_time(day, at, where)) >= after:
            return moment
    raise ValueError("no weekday is named")


def day_of_month(year: int, month: int, day: int) -> date:
    """This day of the month, or the month's last one."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def in_year(day: date, year: int) -> date:
    """The same day of another year."""
    return day_of_month(year, day.month, day.day)


def same_day(one: datetime, other: datetime, where: ZoneInfo) -> bool:
    return one.astimezone(where).date() == other.astimezone(where).date()
