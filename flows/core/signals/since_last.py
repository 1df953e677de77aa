"""Clocks that run from the last time somebody did something, and start again whenever they do it again.

There is one clock per person. It is not armed anew each time: when it rings it looks at the newest time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.core import chance
from flows.core.facts import Facts, lookup
from flows.core.signals.signal import ArmTimer, Derived, NewEvent
from flows.core.signals.thresholds import armed, rung


def moment(facts: Facts, path: str) -> datetime | None:
    found = lookup(facts, path)
    return datetime.fromisoformat(found) if isinstance(found, str) else None


def identity(seed: str, anchor: datetime, seconds: int) -> str:
    return f"person:{seed}:{anchor.isoformat()}:{seconds}"


def standing(name: str, payload: Mapping[str, Any], newest: datetime | None) -> ArmTimer:
    """The clock of this payload as it ought to be, when they did it last at `newest`."""
    anchor, place = datetime.fromisoformat(payload["anchor_at"]), payload["place"]
    if newest is not None and newest > anchor:
        anchor, place = newest, 0
    return armed(name, "", anchor, payload["after_seconds"], place)


def told(timer: ArmTimer, facts: Facts, now: datetime, props: Mapping[str, Any]) -> Derived:
    """What the clock tells, with the next threshold; or the clock anew when it is too early."""
    if timer.due_at > now:
        return Derived(arm=(timer,))
    seconds = timer.payload["after_seconds"][timer.payload["place"]]
    carried = {**props, "anchor_at": timer.anchor_at.isoformat(), "after_seconds": seconds}
    subject = f"person:{lookup(facts, 'person.id')}"
    name = identity(chance.seed(facts), timer.anchor_at, seconds)
    return rung(NewEvent(timer.signal, timer.due_at, subject, None, name, carried), timer)
