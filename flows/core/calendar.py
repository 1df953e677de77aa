"""Local time: the person's zone, the next time of day, quiet hours.

Rules at clock changes: a wall time that does not exist moves forward (02:30 becomes 03:30), one that exists
twice means the first. ``1d`` is 24 hours of elapsed time; ``until 09:00`` is wall time.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.core.facts import Facts, lookup

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
MORNING = time(9)
"""When something that has to wait for another day goes on, if no quiet hours say otherwise."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No marketing from `start` to `end`, local wall time; may pass midnight. Equal ends mean none."""

    start: time
    end: time


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


def next_morning(now: datetime, quiet: QuietHours | None, where: ZoneInfo) -> datetime:
    """When the next local day's sending begins: at the end of quiet hours, else at 9:00."""
    day = now.astimezone(where).date() + timedelta(days=1)
    return at_wall_time(day, quiet.end if quiet else MORNING, where)


def same_day(one: datetime, other: datetime, where: ZoneInfo) -> bool:
    return one.astimezone(where).date() == other.astimezone(where).date()


def _is_quiet(moment: datetime, quiet: QuietHours | None, where: ZoneInfo, holidays: Collection[date]) -> bool:
    local = moment.astimezone(where)
    if local.date() in holidays:
        return True
    if quiet is None or quiet.start == quiet.end:
        return False
    wall = local.time()
    if quiet.start < quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def quiet_until(
    now: datetime, quiet: QuietHours | None, where: ZoneInfo, holidays: Collection[date] = ()
) -> datetime | None:
    """When quiet hours (a holiday is quiet all day) that hold `now` end; None when it is not quiet."""
    moment = now
    for _ in range(2 * len(holidays) + 3):
        if not _is_quiet(moment, quiet, where, holidays):
            return None if moment == now else moment
        if moment.astimezone(where).date() in holidays:
            tomorrow = moment.astimezone(where).date() + timedelta(days=1)
            moment = at_wall_time(tomorrow, time(0), where)
        else:
            assert quiet is not None  # noqa: S101  # only quiet hours or a holiday are quiet
            moment = _end(moment, quiet, where)
    return moment


def _end(moment: datetime, quiet: QuietHours, where: ZoneInfo) -> datetime:
    end = next_time_of_day(quiet.end, moment, where)
    # In a repeated hour the end's first showing may be behind us while the second is still to come.
    local = moment.astimezone(where)
    second = datetime.combine(local.date(), quiet.end, where).replace(fold=1).astimezone(UTC)
    return second if moment < second < end else end
