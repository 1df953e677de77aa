"""Schedules: every Monday at 9:00, on the first of each month, once on a date. Which days they fall on, and when.

An occurrence is a day, at a time of day on the wall of the shop or of each person. Where the wall is the person's, one
occurrence goes round the earth: it begins where the day begins first and ends where it ends last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo

from flows.core import calendar, chance, durations
from flows.core.calendar import WEEKDAYS

ENTRIES = ("every", "day", "date", "at", "zone", "exact", "deadline")
"""What a trigger has beside `on` when it is a schedule."""
SPREAD = timedelta(minutes=5)
"""Within so long after the moment people enter, unless the schedule is exact."""
DEADLINE = timedelta(hours=12)
LONGEST_DEADLINE = timedelta(hours=23)
"""Shorter than any day: of two occurrences one at most is in time."""
SHORTEST_DEADLINE = timedelta(minutes=15)
_FIRST, _LAST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
# A month is no longer than this, and a day of it comes once.
_LOOK_AHEAD = 62
# An occurrence longer ago than this is past any deadline, wherever somebody lives.
_LOOK_BACK = 4


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of: `weekdays` (0 is Monday), `day` of the month, `once` on a date. `deadline`: nobody enters later than that
    after their own moment."""

    at: time
    weekdays: tuple[int, ...] = ()
    day: int | None = None
    once: date | None = None
    zone: Literal["shop", "person"] = "shop"
    exact: bool = False
    deadline: timedelta = DEADLINE

    def falls_on(self, day: date) -> bool:
        if self.once is not None:
            return day == self.once
        if self.day is not None:
            return day == calendar.day_of_month(day.year, day.month, self.day)
        return day.weekday() in self.weekdays

    def say(self) -> str:
        """In words, for people, and so that two that are the same read the same."""
        if self.once is not None:
            days = f"on {self.once.isoformat()}"
        elif self.day is not None:
            days = f"on day {self.day} of every month"
        elif len(self.weekdays) == len(WEEKDAYS):
            days = "every day"
        else:
            days = "every " + ", ".join(WEEKDAYS[day] for day in self.weekdays)
        where = "of the shop" if self.zone == "shop" else "where the person lives"
        return f"{days} at {self.at:%H:%M} {where}"

    def name(self, day: date) -> str:
        """What the occurrence on this day is called."""
        return f"{day.isoformat()} {self.at:%H:%M}"

    def moment(self, day: date, where: ZoneInfo) -> datetime:
        """When it is on this wall, in UTC."""
        return calendar.at_wall_time(day, self.at, where)

    def begins(self, day: date, shop: ZoneInfo) -> datetime:
        """Not after the moment of anybody."""
        if self.zone == "shop":
            return self.moment(day, shop)
        return datetime.combine(day, self.at, _FIRST).astimezone(UTC)

    def ends(self, day: date, shop: ZoneInfo) -> datetime:
        """Not before anybody's deadline."""
        if self.zone == "shop":
            return self.moment(day, shop) + self.deadline
        # A wall time that a zone skips comes up to a day later.
        return datetime.combine(day, self.at, _LAST).astimezone(UTC) + timedelta(days=1) + self.deadline

    def entering(self, day: date, where: ZoneInfo, *seeds: str) -> datetime:
        """When somebody enters: at their moment, or up to SPREAD later, always the same for the same `seeds`."""
        late = timedelta(0) if self.exact else SPREAD * (chance.draw(*seeds, "spread", self.name(day)) / 100)
        return self.moment(day, where) + late

    def upcoming(self, after: datetime, shop: ZoneInfo) -> date | None:
        """The first occurrence that begins later than `after`; None when none will."""
        if self.once is not None:
            return self.once if self.begins(self.once, shop) > after else None
        today = after.date() - timedelta(days=2)
        days = (today + timedelta(days=ahead) for ahead in range(_LOOK_AHEAD))
        return next(day for day in days if self.falls_on(day) and self.begins(day, shop) > after)

    def latest(self, by: datetime, shop: ZoneInfo) -> date | None:
        """The last occurrence that has begun by then; None when there was none in the last days."""
        tomorrow = by.date() + timedelta(days=1)
        days = (tomorrow - timedelta(days=back) for back in range(_LOOK_BACK + 1))
        return next((day for day in days if self.falls_on(day) and self.begins(day, shop) <= by), None)


def read(trigger: Mapping[str, Any]) -> Schedule:
    """The schedule that a trigger's entries name, as its schema has loaded them. Raises ValueError with a sentence for
    the author."""
    named = [name for name in ("every", "date") if trigger.get(name) is not None]
    if len(named) != 1:
        raise ValueError(
            "A schedule says either “every” or “date”; write for example {on: schedule, every: monday, at: “09:00”}"
        )
    if trigger.get("at") is None:
        raise ValueError("A schedule needs “at”, the time of day; write for example at: “09:00”")
    every, day, once = trigger.get("every"), trigger.get("day"), trigger.get("date")
    if (every == "month") != (day is not None):
        raise ValueError("“day” is the day of the month; write for example every: month, day: 1")
    if once is not None and not isinstance(once, date):
        raise ValueError(f"“{once}” is no date; write for example 2026-12-24")
    return Schedule(
        at=calendar.time_of_day(trigger["at"]),
        weekdays=() if once is not None or every == "month" else _weekdays(every),
        day=day,
        once=once,
        zone=trigger.get("zone", "shop"),
        exact=trigger.get("exact", False),
        deadline=_deadline(trigger.get("deadline", DEADLINE)),
    )


def _weekdays(every: Any) -> tuple[int, ...]:
    if every == "day":
        return tuple(range(len(WEEKDAYS)))
    if every == "weekday":
        return tuple(range(5))
    names = every if isinstance(every, list) else [every]
    unknown = [str(name) for name in names if name not in WEEKDAYS]
    if unknown or not names:
        said = f"“{unknown[0]}” is no day" if unknown else "“every” names no day"
        raise ValueError(f"{said}; write day, weekday, month, monday, or for example [monday, thursday]")
    return tuple(sorted({WEEKDAYS.index(name) for name in names}))


def _deadline(span: timedelta) -> timedelta:
    if SHORTEST_DEADLINE <= span <= LONGEST_DEADLINE:
        return span
    shortest, longest = durations.say(SHORTEST_DEADLINE), durations.say(LONGEST_DEADLINE)
    raise ValueError(f"The deadline of a schedule is between {shortest} and {longest}")
