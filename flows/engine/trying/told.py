"""What came of trying a flow on somebody: plain, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.db.any_row import AnyRow
from flows.content.proof import Proof
from flows.core.model import Event, FlowVersion
from flows.engine.explaining.explanation import Check, Leaf, Rule


@dataclass(frozen=True)
class Move:
    """A line of the trail. ``leaves``: what its condition asked, each with its answer and the fact that it saw."""

    at: datetime
    step: str | None
    code: str
    detail: Mapping[str, Any]
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True)
class PutOff:
    """The gate was asked at ``at`` and said: not before ``until``. ``inputs``: what the check has looked at."""

    at: datetime
    until: datetime
    reason: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Letter:
    """A message that the flow wanted at ``wanted_at``. ``at``: when it was decided.

    ``sent``: whether it would leave; else ``reason`` says why not, with the ``inputs`` of the check; both are empty
    while it waits for longer than was looked. ``standing``: what else holds it back, in sentences. ``variant``: its
    name with what it is chosen by. ``proof``: what it looks like, None when it cannot be written: ``problem`` says why.
    ``invented``: roots of what it shows that are examples, because no such order or product is there.
    """

    wanted_at: datetime
    at: datetime
    step: str
    message: str
    channel: str
    purpose: str
    deadline: datetime
    variant: str
    sent: bool
    reason: str | None
    inputs: Mapping[str, Any]
    put_off: tuple[PutOff, ...]
    checks: tuple[Check, ...]
    standing: tuple[str, ...]
    proof: Proof | None
    problem: str = ""
    invented: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deed:
    """Something that would be done outside and is no message; it is taken as done, with ``result``."""

    at: datetime
    step: str
    action: str
    data: Mapping[str, Any]
    result: Mapping[str, Any]


Line = Move | Letter | Deed


@dataclass(frozen=True)
class Trial:
    """``event``: what was supposed to happen at ``at``; ``real``: with what it last carried for this person.

    ``rules``: what lets them in or keeps them out; without ``entered_at`` they did not enter. ``outcome``: how the run
    ended at ``until``; None: it waits, for what ``waits_for`` names.
    """

    flow: FlowVersion
    person: AnyRow
    event: Event
    real: bool
    at: datetime
    rules: tuple[Rule, ...]
    entered_at: datetime | None
    lines: tuple[Line, ...]
    outcome: str | None
    until: datetime
    waits_for: tuple[str, ...] = ()
