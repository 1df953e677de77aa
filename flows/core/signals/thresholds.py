"""Clocks that tell one thing after several spans of time: armed for the first, and each time it rings for the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flows.core.signals.signal import ArmTimer, Derived, NewEvent


def armed(name: str, key: str, anchor: datetime, seconds: Sequence[int], place: int, **more: object) -> ArmTimer:
    """The clock for the threshold at `place`, counted from `anchor`; the others travel along, and `more`, as JSON."""
    payload = {**more, "anchor_at": anchor.isoformat(), "after_seconds": list(seconds), "place": place}
    return ArmTimer(name, key, anchor + timedelta(seconds=seconds[place]), anchor, payload)


def rung(told: NewEvent, timer: ArmTimer) -> Derived:
    """What `timer` has told, with the clock for the next threshold if there is one."""
    seconds, place = timer.payload["after_seconds"], timer.payload["place"] + 1
    if place >= len(seconds):
        return Derived((told,))
    more = {name: value for name, value in timer.payload.items() if name not in ("anchor_at", "after_seconds", "place")}
    return Derived((told,), arm=(armed(timer.signal, timer.key, timer.anchor_at, seconds, place, **more),))


def last_passed(anchor: datetime, seconds: Sequence[int], now: datetime) -> int:
    """The place of the last threshold that has passed, else the first: who has passed several is told of no earlier
    one."""
    return max(sum(anchor + timedelta(seconds=one) <= now for one in seconds) - 1, 0)
