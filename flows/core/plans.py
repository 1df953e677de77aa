"""What a flow means to send when, read from its steps alone: the ways through it, and when each message would leave.

Times count from the fact that started the flow, as ``from trigger`` does. They are those of a run to which nothing
else happens: every message leaves when it is wanted, an event that is waited for comes at once or not at all, and what
is known of the person stays as it is. A wait for a time of the day is taken for half of what lies between two such
moments, unless the last one was the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from flows.core.agreement import NOTHING, Known, forgotten, learned
from flows.core.conditions import Condition
from flows.core.coupons import fields_of
from flows.core.facts import family
from flows.core.model import FlowVersion, MessageSpec, Step
from flows.core.signals import SIGNALS
from flows.core.steps.awaited import MISSED, Awaited
from flows.core.steps.cases import CASES
from flows.core.steps.coupon import Coupon
from flows.core.steps.message import Message
from flows.core.steps.split import Split
from flows.core.steps.until import TRIGGER, Clock, Offset, OnDate
from flows.core.steps.wait import WAIT, For
from flows.core.steps.when import WHEN

MOST = 3000
"""So many moves are looked at: the ways of larger flows are not all found."""
_NONE = timedelta(0)
_STAYS = frozenset({"event", "coupon", "shop"})
"""Families of facts that no time changes. Of a person much stays as well, for as long as nobody says otherwise."""
_OF_A_PLAN = _STAYS | {"person"}


@dataclass(frozen=True, slots=True)
class Sending:
    """`at`: after the fact that started the flow."""

    at: timedelta
    step: str
    message: MessageSpec


@dataclass(frozen=True, slots=True)
class Way:
    """`sendings`: in their order. `steps`: those on it."""

    sendings: tuple[Sending, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`whole`: every way is among `ways`. `begins`: when the first step is reached."""

    ways: tuple[Way, ...]
    whole: bool
    begins: timedelta


@dataclass(frozen=True, slots=True)
class _At:
    step: str | None
    since: timedelta
    known: Known
    arms: Mapping[str, str]
    clock: object = None
    sendings: tuple[Sending, ...] = ()
    steps: tuple[str, ...] = ()


def plan(flow: FlowVersion, *, moving: bool = False) -> Plan:
    """The ways through a flow. `moving`: what is known of a person may be otherwise after each message and each wait,
    so that only what can never be is left out."""
    begins = starts(flow)
    known = learned(learned(NOTHING, flow.trigger.where), flow.audience)
    todo = [_At(flow.first, begins, known, {})]
    ways: dict[Way, None] = {}
    moves = 0
    while todo and moves < MOST:
        moves += 1
        at = todo.pop()
        if at.step is None or (flow.limit is not None and at.since - begins > flow.limit):
            ways[Way(at.sendings, at.steps)] = None
            continue
        step = flow.steps[at.step]
        here = replace(at, steps=(*at.steps, step.id))
        onward = list(_onward(step, here, flow, moving))
        if not onward:
            ways[Way(here.sendings, here.steps)] = None
        todo += reversed(onward)
    return Plan(tuple(ways), not todo, begins)


def starts(flow: FlowVersion) -> timedelta:
    """How long after the fact that starts its clock people enter."""
    if flow.trigger.after is not None:
        return flow.trigger.after
    signal = SIGNALS.get(flow.trigger.on)
    return signal.threshold if signal is not None and signal.threshold is not None else _NONE


def _onward(step: Step, at: _At, flow: FlowVersion, moving: bool) -> Iterator[_At]:
    match step.config:
        case Message() as message:
            yield from _sent(step, message, at, flow, moving)
        case Split(name=name, winner=winner):
            # The arms that lost are off.
            chosen = at.arms.get(name) or (None if moving else winner)
            for arm, port in step.ports.items():
                if chosen in (None, arm):
                    yield replace(at, step=port, arms={**at.arms, name: arm})
        case Coupon(name=name):
            named = fields_of([name])
            yield replace(at, step=step.ports["next"], known=forgotten(at.known, lambda field: field not in named))
        case Awaited(at_most=span):
            for port, after in step.ports.items():
                waited = span if port == MISSED else _NONE
                yield replace(at, step=after, since=at.since + waited, known=_later(at.known, moving), clock=None)
        case _ if step.kind == WAIT.name:
            yield _waited(step, at, moving)
        case _ if step.kind in (WHEN.name, CASES.name):
            for port, known in _asked(step, at.known):
                if known:
                    yield replace(at, step=step.ports[port], known=known)
        case _:
            for port in step.ports.values():
                yield replace(at, step=port)


def _sent(step: Step, message: Message, at: _At, flow: FlowVersion, moving: bool) -> Iterator[_At]:
    sending = Sending(at.since, step.id, flow.messages[message.message])
    known = learned(at.known, message.only_for)
    after = step.ports["next"]
    if known:
        yield replace(at, step=after, sendings=(*at.sendings, sending), known=_later(known, moving))
    if message.only_for is not None and (rest := learned(at.known, message.only_for, "not yes")):
        yield replace(at, step=after, known=_later(rest, moving))


def _later(known: Known, moving: bool) -> Known:
    families = _STAYS if moving else _OF_A_PLAN
    return forgotten(known, lambda field: family(field) in families)


def _asked(step: Step, known: Known) -> Iterator[tuple[str, Known]]:
    """Each way on, with what is known of those who take it."""
    cases: tuple[tuple[str, Condition], ...] = step.config if step.kind == CASES.name else (("then", step.config),)
    for port, condition in cases:
        yield port, learned(known, condition)
        known = learned(known, condition, "not yes")
    yield "else", known


def _waited(step: Step, at: _At, moving: bool) -> _At:
    since, clock = _until(step.config, at)
    return replace(at, step=step.ports["next"], since=max(since, at.since), known=_later(at.known, moving), clock=clock)


def _until(wait: object, at: _At) -> tuple[timedelta, object]:
    """When the wait is over, and which moment of the calendar or of the event that is."""
    match wait:
        case For(span=span):
            return at.since + span, None
        case Offset(anchor=anchor, span=span) if anchor == TRIGGER:
            return span, None
        case Offset(anchor=anchor, span=span):
            # Only how far apart two moments that count from the same date are.
            match at.clock:
                case (str() as before, timedelta() as earlier) if before == anchor:
                    return at.since + (span - earlier), (anchor, span)
            return at.since, (anchor, span)
        case Clock(days=days, skips_today=skips):
            whole = timedelta(days=7 / len(days))
            half = whole if skips or at.clock == wait else whole / 2
            return at.since + half, wait
        case OnDate():
            match at.clock:
                case OnDate(day=day):
                    return at.since + (wait.day - day), wait
            return at.since, wait
        case _:
            return at.since, None
