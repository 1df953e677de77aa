"""How much one person may be sent: limits, what counts against them, and when there is room again. Pure.

Counted is every marketing message that left, of whatever flow; transactional ones never are. A message is counted
when it is let through and leaves a moment later, so a window begins and ends LEAVES_WITHIN late: between any two
messages as they leave, not only as they are counted, lies the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.core import calendar
from flows.core.model import CapPlan, Limit, Purpose

LEAVES_WITHIN = timedelta(minutes=1)
"""How long after it was counted a message may leave at the latest."""
LONGEST_DAY = timedelta(hours=26)
"""No day of any calendar is longer, and what began before it is quickly told."""
MOST_DAYS = 30
"""The longest window: the ledger is read no further back."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry of the send ledger."""

    flow: str
    run_id: UUID
    channel: str
    purpose: Purpose
    cap: CapPlan
    counted_at: datetime


def counted(ledger: Iterable[Sent]) -> list[Sent]:
    """What caps count of it."""
    return [sent for sent in ledger if sent.purpose == "marketing"]


def on_the_same_day(sent: Sent, now: datetime, where: ZoneInfo) -> bool:
    """Whether it left on the day that is today where the person lives, or may have."""
    counted_at = sent.counted_at
    if now - counted_at > LONGEST_DAY:
        return False
    return calendar.same_day(counted_at, now, where) or calendar.same_day(counted_at + LEAVES_WITHIN, now, where)


def used(limit: Limit, ledger: Iterable[Sent], now: datetime, where: ZoneInfo) -> list[datetime]:
    """When the messages that this limit counts now were counted, the oldest first."""
    mine = (sent for sent in counted(ledger) if limit.binds(sent.channel))
    if limit.days is None:
        return sorted(sent.counted_at for sent in mine if on_the_same_day(sent, now, where))
    begins = now - timedelta(days=limit.days) - LEAVES_WITHIN
    return sorted(sent.counted_at for sent in mine if sent.counted_at > begins)


@dataclass(frozen=True, slots=True)
class Full:
    """A limit that is reached, and when there is room again."""

    limit: Limit
    until: datetime


def reached(
    limits: Sequence[Limit],
    channel: str,
    ledger: Sequence[Sent],
    now: datetime,
    where: ZoneInfo,
    tomorrow: Callable[[], datetime],
) -> Full | None:
    """The limit that holds a message of this channel back for longest; None when there is room in all of them.

    ``tomorrow``: when the sending of the person's next day begins.
    """
    found: list[Full] = []
    for limit in limits:
        taken = used(limit, ledger, now, where) if limit.binds(channel) else []
        if len(taken) < limit.count:
            continue
        if limit.days is None:
            found.append(Full(limit, tomorrow()))
        else:
            # With the one that leaves the window then there is room for one.
            found.append(Full(limit, taken[-limit.count] + timedelta(days=limit.days) + LEAVES_WITHIN))
    return max(found, key=lambda full: full.until, default=None)
