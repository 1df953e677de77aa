"""The moments that ``wait: {until: ...}`` can name, as a flow file writes them.

``09:00``; ``tomorrow 09:00``; ``monday 09:00``, ``weekday 09:00``, ``weekend 10:00``; ``2026-12-24 09:00``;
``+24h from trigger``, ``-7d from event.expires_at``, ``+1d from trigger at 09:00``; ``event.starts_at``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.core import calendar, durations
from flows.core.facts import MISSING, Facts, lookup
from flows.core.model import Run

_DAYS = {
    **{name: frozenset({n}) for n, name in enumerate(calendar.WEEKDAYS)},
    "weekday": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
}
_EVERY_DAY = frozenset(range(7))
MISSED = timedelta(hours=1)
"""A time of day that passed longer ago than this while nobody was looking was missed: take the next one."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ANCHOR = r"trigger|event\.[A-Za-z0-9_.]+"
_OFFSET = re.compile(rf"(?:(?P<sign>[+-])(?P<span>\S+) from )?(?P<anchor>{_ANCHOR})(?: at (?P<at>\S+))?")
PATTERN = (
    rf"^((tomorrow|{'|'.join(_DAYS)}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}) +)?([01]?[0-9]|2[0-3]):[0-5][0-9]$"
    r"|^([+-][1-9][0-9]*[mhdw] from )?(trigger|event\..+)( at [0-9]{1,2}:[0-9]{2})?$"
)
"""The forms for JSON Schema."""
TRIGGER = "trigger"


class NoMoment(Exception):
    """The field that the wait counts from holds no date; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The next moment at which the clock on the wall shows `at` on one of these days of the week (Monday is 0), today
    among them unless `skips_today`."""

    at: time
    days: frozenset[int] = _EVERY_DAY
    skips_today: bool = False


@dataclass(frozen=True, slots=True)
class OnDate:
    day: date
    at: time


@dataclass(frozen=True, slots=True)
class Offset:
    """`span` after (negative: before) the trigger's anchor or a date of its event. With `at`: on the day that is so
    many days away, when the clock on the wall shows this."""

    span: timedelta
    anchor: str = TRIGGER
    at: time | None = None


Until = Clock | OnDate | Offset


def parse(text: str) -> Until:
    """The moment that `text` names. Raises ValueError with a sentence for the author."""
    said = " ".join(text.split())
    offset = _OFFSET.fullmatch(said)
    if offset:
        return _offset(said, offset)
    if said.startswith(("+", "-")):
        raise ValueError(f"“{said}”: write for example “+24h from trigger” or “-7d from event.expires_at”")
    day, _, at = said.rpartition(" ")
    if not day and (at in _DAYS or at == "tomorrow" or _DATE.fullmatch(at)):
        raise ValueError(f"“{said}”: say at what time, for example “{said} 09:00”")
    if not day:
        return Clock(calendar.time_of_day(at))
    if day == "tomorrow":
        return Clock(calendar.time_of_day(at), skips_today=True)
    if day in _DAYS:
        return Clock(calendar.time_of_day(at), _DAYS[day])
    if _DATE.fullmatch(day):
        try:
            return OnDate(date.fromisoformat(day), calendar.time_of_day(at))
        except ValueError as problem:
            if "time of day" in str(problem):
                raise
            raise ValueError(f"“{day}” is no day of the calendar") from None
    raise ValueError(
        f"“{said}” is no moment; write for example “09:00”, “tomorrow 09:00”, “monday 09:00”, “2026-12-24 09:00” or "
        "“+24h from trigger”"
    )


def _offset(said: str, found: re.Match[str]) -> Offset:
    span = durations.parse(found["span"]) if found["span"] else timedelta(0)
    if found["sign"] == "-":
        if found["anchor"] == TRIGGER:
            raise ValueError(f"“{said}” is before the flow begins; write for example “+24h from trigger”")
        span = -span
    elif not found["sign"] and found["anchor"] == TRIGGER:
        raise ValueError(f"“{said}”: write for example “+24h from trigger”")
    at = calendar.time_of_day(found["at"]) if found["at"] else None
    if at is not None and span % timedelta(days=1):
        raise ValueError(f"“{said}”: a time of day needs whole days, for example “+1d from trigger at 09:00”")
    return Offset(span, found["anchor"], at)


def due(until: Until, run: Run, facts: Facts, now: datetime) -> datetime:
    """When a wait until then ends, of a run that stands at it. Raises NoMoment."""
    where = calendar.zone_of(facts)
    match until:
        case Clock():
            moment = _next(until, run.since, where)
            # Missed: the next one from now, and that may be today.
            return moment if now - moment <= MISSED else _next(Clock(until.at, until.days), now, where)
        case OnDate(day=day, at=at):
            return calendar.at_wall_time(day, at, where)
        case Offset(span=span, anchor=anchor, at=at):
            moment = run.anchor_at if anchor == TRIGGER else _date_of(anchor, run, where)
            if at is None:
                return moment + span
            # Days of the calendar: the day before a change of the clocks is a day away, too.
            day = moment.astimezone(where).date() + timedelta(days=span // timedelta(days=1))
            return calendar.at_wall_time(day, at, where)


def longest(until: Until) -> timedelta:
    """So long such a wait lasts at most, counted from the moment it counts from. Of a date that only the calendar or
    the event knows: as long as any wait may be."""
    match until:
        case Clock(days=days, skips_today=skips):
            apart = max(_gap(day, days) for day in range(7))
            # 25 hours when the clocks go back.
            return timedelta(days=apart + (1 if skips else 0), hours=1)
        case Offset(span=span, anchor=anchor, at=at) if anchor == TRIGGER:
            return span if at is None else span + timedelta(hours=25)
        case _:
            return durations.LONGEST


def _gap(day: int, days: frozenset[int]) -> int:
    """From this day to the next one of `days`, which may be a week away."""
    return next(n for n in range(1, 8) if (day + n) % 7 in days)


def _next(clock: Clock, after: datetime, where: ZoneInfo) -> datetime:
    if clock.skips_today:
        tomorrow = after.astimezone(where).date() + timedelta(days=1)
        after = max(after, calendar.at_wall_time(tomorrow, time.min, where))
    return calendar.next_on_weekday(clock.days, clock.at, after, where)


def _date_of(path: str, run: Run, where: ZoneInfo) -> datetime:
    value = lookup({"event": run.trigger}, path)
    if value is MISSING or value is None or value == "":
        raise NoMoment(f"{path} is not known")
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise NoMoment(f"{path} is no date") from None
    # A day without a zone is a day where the person lives.
    return (moment if moment.tzinfo else moment.replace(tzinfo=where)).astimezone(UTC)
