"""Local time: the person's zone, the next time of day.

Rules at clock changes: a wall time that does not exist moves forward (02:30 becomes 03:30), one that exists
twice means the first. ``1d`` is 24 hours of elapsed time; ``until 09:00`` is wall time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.core.facts import Facts, lookup

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


def same_day(one: datetime, other: datetime, where: ZoneInfo) -> bool:
    return one.astimezone(where).date() == other.astimezone(where).date()
