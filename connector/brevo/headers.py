"""What an answer's ``x-sib-ratelimit-*`` headers say of the limit, and how much of it is believed.

Brevo documents the three headers and not the form of their numbers: its page prints the same limit by the second and
by the hour ("10 rps (36,000/h)"), some endpoints send none, and no endpoint is known to name its window. So:

* a number of the published table, of whatever tier, by its window or by the hour, is believed at once;
* any other number is an hour's when ``reset`` is more than a second away, else a second's;
* a lower limit is believed at once: at worst we are slow until the next answers;
* a higher one, and a fall to less than a tenth, when two answers at least ``APART`` wire seconds apart say the same:
  once an hour, an hourly limit looks like one by the second for a second. What is believed is never above what was
  said;
* what cannot be true (none left of nothing, more left than there are, an hour that lasts longer) is not read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from connector.brevo.buckets import HOUR, SHARE, Bucket, Limit

APART = 2.0


@dataclass(frozen=True)
class Told:
    """``reset``: seconds to the end of the window, None when the header is missing."""

    limit: int
    remaining: int
    reset: float | None


@dataclass(frozen=True)
class Hearsay:
    """A limit that was told at ``since`` (wire time) and is not believed yet."""

    limit: Limit
    since: float


def told(headers: Mapping[str, str]) -> Told | None:
    """What headers with lower-case names say; None when they say nothing that can be true."""
    limit, remaining = _number(headers, "limit"), _number(headers, "remaining")
    if limit is None or remaining is None or limit != int(limit) or remaining != int(remaining):
        return None
    if not (limit >= 1 and 0 <= remaining <= limit):
        return None
    reset = _number(headers, "reset")
    if "x-sib-ratelimit-reset" in headers and (reset is None or not 0 <= reset <= HOUR):
        return None
    return Told(int(limit), int(remaining), reset)


def reset_seconds(headers: Mapping[str, str]) -> float:
    """``x-sib-ratelimit-reset``: seconds to the end of the window, between 0 and an hour; 0 when missing."""
    return min(max(_number(headers, "reset") or 0.0, 0.0), HOUR)


def believed(
    bucket: Bucket, held: Limit, said: Told, before: Hearsay | None, now: float
) -> tuple[Limit | None, Hearsay | None]:
    """The limit to go by from now on (None: the one that is held), and what to remember as not yet believed."""
    published = _published(bucket, said)
    if published is not None:
        return published, None
    if said.reset is None:
        return None, before
    spoken = _hourly(said.limit, bucket) if said.reset > 1 else Limit(said.limit, 1.0)
    if spoken == held:
        return held, None
    if before is not None and before.limit == spoken:
        return (spoken, None) if now - before.since >= APART else (None, before)
    careful = spoken if said.reset > 1 or bucket.seconds <= 1 else Limit(said.limit, bucket.seconds)
    hearsay = Hearsay(spoken, now)
    if held.rate / 10 <= careful.rate < held.rate:
        return careful, None if careful == spoken else hearsay
    return None, hearsay


def _published(bucket: Bucket, said: Told) -> Limit | None:
    """The table's limit that was meant: by the hour, or by its own window unless ``reset`` is further away."""
    for calls in bucket.calls:
        by_hour = said.limit == calls * HOUR / bucket.seconds
        by_window = said.limit == calls and (said.reset is None or said.reset <= bucket.seconds)
        if by_hour or by_window:
            return Limit(calls, bucket.seconds)
    return None


def _hourly(calls: int, bucket: Bucket) -> Limit:
    """An hour's calls, spread over the bucket's own windows where that leaves us a call in each."""
    spread = Limit(calls * bucket.seconds / HOUR, bucket.seconds)
    return spread if spread.calls * SHARE >= 1 else Limit(calls, HOUR)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers[f"x-sib-ratelimit-{name}"])
    except (KeyError, ValueError):
        return None
    return number if isfinite(number) else None
