"""What is still to come for a run if nothing else happens: the machine itself, ahead of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flows.core.facts import Facts
from flows.core.machine import TIMER, advance
from flows.core.model import Effect, EffectDone, Entered, FlowVersion, Run, Stimulus, TimerFired

MOST = 60
"""So many moves are looked ahead."""


@dataclass(frozen=True, slots=True)
class Coming:
    """An effect that the run will want at `at`."""

    at: datetime
    effect: Effect


@dataclass(frozen=True, slots=True)
class Foresight:
    """`run`: as it stands after the last move that could be foreseen, at `until`: it has ended, waits for an event, or
    MOST was reached."""

    coming: tuple[Coming, ...]
    run: Run
    until: datetime


def foresee(
    flow: FlowVersion, run: Run, facts: Facts, now: datetime, *, leaves: Mapping[str, datetime] | None = None
) -> Foresight:
    """What `run` will want if facts stay as they are, no event comes, and each message is accepted as soon as it is
    wanted. A run that has just been enrolled begins at once.

    `leaves`: effect key -> when it leaves, of those that were wanted already. Raises what `advance` raises.
    """
    planned = leaves or {}
    coming: list[Coming] = []
    for _ in range(MOST):
        found = _next(run, planned, now)
        if found is None:
            break
        stimulus, at = found
        transition = advance(flow, run, stimulus, facts, at)
        if transition.run is run:
            break
        run, now = transition.run, at
        coming += [Coming(at, effect) for effect in transition.effects]
    return Foresight(tuple(coming), run, now)


def _next(run: Run, planned: Mapping[str, datetime], now: datetime) -> tuple[Stimulus, datetime] | None:
    """What will wake the run, and when."""
    if run.state == "done":
        return None
    if run.waiting is None:
        return (Entered(), now) if run.visit == 0 else None
    wanted = [wake[1] for wake in run.waiting.wakes_on if wake[0] == "effect"]
    if wanted:
        at = max(now, *(planned.get(key, now) for key in wanted))
        return EffectDone(wanted[0], "accepted", "", at), at
    if run.waiting.due_at is not None and TIMER in run.waiting.wakes_on:
        at = max(now, run.waiting.due_at)
        return TimerFired(run.waiting.token), at
    return None
