"""Hours in which marketing may be sent, and when the next of them begins. Pure; which hours hold where is data.

Somebody of whom several time zones are possible is written to only while it is open in each of them. At clock changes
the rules of ``flows.core.calendar`` hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from flows.core.calendar import at_wall_time

DAY = 24 * 60
HORIZON = timedelta(days=14)
"""How far ahead open hours are looked for. No law is silent for so long; zones that share no hour never open."""
MORNING = time(9)
"""When something that has to wait for another day goes on, if that night is not closed."""

Span = tuple[int, int]
"""Minutes of a day on the clock on the wall: the first that is open, and the first that is not any more."""
Week = tuple[tuple[Span, ...], ...]
"""The open spans of each weekday, Monday first."""
ALWAYS: Week = (((0, DAY),),) * 7


@dataclass(frozen=True, slots=True)
class Hours:
    """``week`` as a rule, and nothing on the ``closed`` days."""

    week: Week = ALWAYS
    closed: frozenset[date] = frozenset()

    def open_at(self, local: datetime) -> bool:
        """Whether it is open when the wall shows ``local``."""
        if local.date() in self.closed:
            return False
        minute = local.hour * 60 + local.minute
        for start, end in self.week[local.weekday()]:
            if start <= minute < end:
                return True
        return False

    def narrowed(self, other: Hours) -> Hours:
        """Open only while both are."""
        return Hours(
            tuple(_both(mine, theirs) for mine, theirs in zip(self.week, other.week, strict=True)),
            self.closed | other.closed,
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """The hours of one person on one channel. ``zones``: where they may be, at least one; ``why``: zones, rules and
    what told where they are, in words, to be shown with a deferral."""

    hours: Hours
    zones: tuple[ZoneInfo, ...]
    why: Mapping[str, Any] = field(default_factory=dict)


def outside(start: time, end: time) -> Hours:
    """Hours without ``start`` to ``end``, which may pass midnight; equal ones take nothing away."""
    first, last = start.hour * 60 + start.minute, end.hour * 60 + end.minute
    if first == last:
        return Hours()
    # From the end of what is closed to its next beginning.
    edges = (0, first, last, DAY) if first < last else (last, first)
    spans = tuple((begin, stop) for begin, stop in list(pairwise(edges))[::2] if begin < stop)
    return Hours((spans,) * 7)


def next_open(now: datetime, quiet: Quiet) -> datetime | None:
    """The first moment from ``now`` on when it is open in every zone: ``now`` itself when it is; None when none comes
    within HORIZON."""
    moment = now
    while moment <= now + HORIZON:
        shut = [where for where in quiet.zones if not quiet.hours.open_at(moment.astimezone(where))]
        if not shut:
            return moment
        openings = [_opening(moment, quiet.hours, where) for where in shut]
        known = [opening for opening in openings if opening is not None]
        if len(known) < len(openings):
            return None
        moment = max(known)
    return None


def open_until(moment: datetime, quiet: Quiet) -> datetime:
    """When what is open at ``moment`` closes in one of the zones, to the minute; a day later when it does not."""
    whole = moment.replace(second=0, microsecond=0)
    for minutes in range(1, DAY):
        later = whole + timedelta(minutes=minutes)
        if not all(quiet.hours.open_at(later.astimezone(where)) for where in quiet.zones):
            return later
    return moment + timedelta(days=1)


def next_morning(now: datetime, quiet: Quiet | None, where: ZoneInfo) -> datetime:
    """When the sending of the next local day of ``where`` begins: when its night ends, else at 9:00."""
    day = now.astimezone(where).date() + timedelta(days=1)
    midnight, morning = at_wall_time(day, time(0), where), at_wall_time(day, MORNING, where)
    if quiet is None:
        return morning
    by_night = next_open(midnight, quiet) == midnight
    return next_open(morning if by_night else midnight, quiet) or morning


def _both(mine: tuple[Span, ...], theirs: tuple[Span, ...]) -> tuple[Span, ...]:
    shared = (
        (max(start, other_start), min(end, other_end)) for start, end in mine for other_start, other_end in theirs
    )
    return tuple((start, end) for start, end in shared if start < end)


def _opening(after: datetime, hours: Hours, where: ZoneInfo) -> datetime | None:
    """When a span of this zone begins next, later than ``after``, at which it is closed there."""
    first = after.astimezone(where).date()
    for days in range(HORIZON.days + 2):
        day = first + timedelta(days=days)
        for start, _ in () if day in hours.closed else hours.week[day.weekday()]:
            # The wall may show it twice on that day. In a gap it moves forward, perhaps past the span.
            for fold in (0, 1):
                begins = time(start // 60, start % 60, fold=fold)
                moment = datetime.combine(day, begins, where).astimezone(UTC)
                if moment > after and hours.open_at(moment.astimezone(where)):
                    return moment
    return None
