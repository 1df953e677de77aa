"""What became of one person in a simulation: what left, what was stopped and why, what was done, how flows ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the gate let through. ``would_wait``: why it would have been held if its flow had no plan of its
    own (``cap: own`` or ``exempt``), None when nothing speaks against it or its flow keeps to the shop's caps.
    ``written``: what whoever writes messages made of it."""

    at: datetime
    flow: str
    step: str
    message: str
    channel: str
    key: str
    run_id: str
    would_wait: str | None = None
    written: Any = None


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was put off (``until``) or skipped (``until`` None)."""

    at: datetime
    flow: str
    step: str
    message: str
    channel: str
    reason: str
    until: datetime | None
    detail: Mapping[str, Any]

    @property
    def because(self) -> str:
        """What would have put it off past its deadline, else the reason."""
        return str(self.detail.get("because", self.reason))


@dataclass(frozen=True, slots=True)
class Done:
    """An action, or a change that a step makes here. ``result``: what it brought to the run."""

    at: datetime
    flow: str
    step: str
    action: str
    data: Mapping[str, Any]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over. ``version`` of its flow, ``entered_at``: when it began."""

    at: datetime
    flow: str
    outcome: str
    entered_at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trail, or, with the code ``happened``, something that happened to the person."""

    at: datetime
    code: str
    flow: str | None
    step: str | None
    detail: Mapping[str, Any]


@dataclass
class Record:
    """``entered``: {flow: how many runs}. ``refused``: {(flow, code): how often somebody did not enter}. ``goals``:
    {flow: how many runs reached it, also after they had ended}. ``stimuli``: how many things were decided about,
    ``asked``: how often the gate was asked. ``lines`` are kept when ``keeps_lines``."""

    keeps_lines: bool = False
    sent: list[Sent] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    entered: dict[str, int] = field(default_factory=dict)
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    goals: dict[str, int] = field(default_factory=dict)
    stimuli: int = 0
    asked: int = 0

    def say(
        self,
        at: datetime,
        code: str,
        flow: str | None,
        step: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        if self.keeps_lines:
            self.lines.append(Line(at, code, flow, step, detail or {}))


def count(counts: dict[Any, int], what: Any) -> None:
    counts[what] = counts.get(what, 0) + 1
