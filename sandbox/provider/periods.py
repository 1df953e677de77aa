"""The period that a report is asked for."""

from __future__ import annotations

from sandbox.provider import moments
from sandbox.provider.wire import Call, invalid, missing

DAYS_BACK, MOST_DAYS = 30, 90
DAY = 86400


def period(call: Call, longest: int | None) -> tuple[str, str]:
    """First and last day asked for, `YYYY-MM-DD`; the last 30 days by default."""
    start, end = call.one("startDate"), call.one("endDate")
    days = call.one("days")
    if (start is None) != (end is None):
        raise missing("startDate and endDate should be passed together")
    if start is not None and end is not None:
        if days is not None:
            raise invalid("days is not compatible with startDate and endDate")
        if not moments.is_day(start) or not moments.is_day(end) or start > end:
            raise invalid("startDate and endDate should be valid dates in YYYY-MM-DD")
        if longest and (moments.parse(end) or 0) - (moments.parse(start) or 0) > longest * DAY:
            raise invalid("The period should not exceed one month" if longest < 32 else "The period is too long")
        return start, end
    back = call.whole("days", DAYS_BACK, 1, MOST_DAYS)
    return moments.day(call.now - (back - (days is not None)) * DAY), moments.day(call.now)
