"""Why somebody is in a flow, is not, or would be: as data. Everything is plain, so that it can be written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flows.engine.story import Line

Standing = Literal["inside", "would enter", "would not enter"]


@dataclass(frozen=True)
class Leaf:
    """One leaf of a condition, about one field: yes, no or cannot tell, with the fact that was found."""

    field: str
    text: str
    truth: str
    fact: Any
    why: str


@dataclass(frozen=True)
class Rule:
    """One rule of entering. ``holds`` is None when it hangs on an event that has not happened yet. ``code``,
    ``sentence`` and ``detail``: what it has against it. ``change``: what would have to be otherwise
    (flows.core.remedies)."""

    rule: str
    holds: bool | None
    code: str | None = None
    sentence: str = ""
    detail: Mapping[str, Any] | None = None
    leaves: tuple[Leaf, ...] = ()
    change: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Happened:
    """An event that might have let them in. ``became``: entered, kept out, passed over, history or not decided yet."""

    at: datetime
    event: str
    event_id: UUID
    became: str
    code: str | None
    sentence: str


@dataclass(frozen=True)
class Clock:
    """A clock of the trigger that runs for them."""

    signal: str
    key: str
    due_at: datetime


@dataclass(frozen=True)
class Check:
    """One check of the gate. ``verdict``: send, defer, skip, or ``not asked`` of messages like this one."""

    check: str
    verdict: str
    reason: str | None
    sentence: str
    until: datetime | None
    inputs: Mapping[str, Any]
    change: Mapping[str, Any] | None


@dataclass(frozen=True)
class Message:
    """A message and what the gate says of it: asked now when it is ``due``, else as of the moment at which it will be
    wanted, with what is known now. ``standing``: what else holds it back, in sentences."""

    message: str
    channel: str
    step: str
    state: Literal["due", "to come", "if they entered"]
    at: datetime
    deadline: datetime
    verdict: str
    reason: str | None
    until: datetime | None
    checks: tuple[Check, ...]
    standing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inside:
    """A run that is under way. ``waits_for`` and ``ends_on`` in words; ``after_that``: what becomes of it after the
    last message that is foreseen."""

    run_id: UUID
    version: int
    key: str
    entered_at: datetime
    step: str | None
    waits_for: tuple[str, ...]
    ends_on: tuple[str, ...]
    messages: tuple[Message, ...]
    after_that: str


@dataclass(frozen=True)
class Explanation:
    """The answer about one person and one flow at one moment.

    ``supposed``: the event that ``rules`` and ``if_entered`` suppose to happen now, as it last happened for them; None
    when it never did. ``blockers``: the codes of all that keeps them out, the first decides; ``changes``: what would
    have to be otherwise, in words.
    """

    person_id: int
    flow: str
    name: str
    version: int
    status: str
    mode: str
    at: datetime
    standing: Standing
    sentence: str
    trigger: str
    supposed: str | None
    rules: tuple[Rule, ...]
    blockers: tuple[str, ...]
    changes: tuple[str, ...]
    happened: tuple[Happened, ...]
    clocks: tuple[Clock, ...]
    inside: tuple[Inside, ...]
    if_entered: tuple[Message, ...]
    trail: tuple[Line, ...]
