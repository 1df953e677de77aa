"""What a step answers. The machine turns it into effects, timers and the new run; a step changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flows.core.model import Change, EffectDone, Happened, TimerFired, Wake

Woke = TimerFired | EffectDone | Happened
"""What ended the step's own wait; a step that has just been reached gets None instead."""


@dataclass(frozen=True, slots=True)
class Send:
    """Wanted: this message of the flow."""

    message: str


@dataclass(frozen=True, slots=True)
class Do:
    """Wanted: this action (flows/actions), which is no message. `data`: what it has to know, as JSON. `within`: later
    than that it is not done at all."""

    action: str
    data: Mapping[str, Any]
    within: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Go:
    """On through `port`. `at` is the moment the next wait counts from (None: unchanged)."""

    port: str = "next"
    at: datetime | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Park:
    """Stay here until one of: `until`, an event named in `wakes_on`, the outcome of what is to be sent or done."""

    until: datetime | None = None
    wakes_on: tuple[Wake, ...] = ()
    sends: tuple[Send, ...] = ()
    does: tuple[Do, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The flow is over for this person."""

    outcome: str
    vars: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """This was not what the step waits for: everything stays as it is. `code`: worth a line in the trail."""

    code: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


Answer = Go | Park | Stay | Finish
