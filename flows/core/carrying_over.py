"""Somebody inside one version of a flow goes on in another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from flows.core.facts import Facts
from flows.core.machine import WAIT_TIMER, go_on
from flows.core.model import FlowVersion, Run, TimerCancel, TrailLine, Transition


def carry_over(
    left: FlowVersion, to: FlowVersion, run: Run, steps: Mapping[str, str], facts: Facts, now: datetime
) -> Transition:
    """The run, which is one of `left`, in the version `to`, at the step that `steps` names for its own, else at the one
    of the same name.

    A wait is asked anew and counts from where it counted before. What was wanted of a platform (a message, a code)
    stays as it was wanted: who waits for it goes on in the other version if the step there is of the same kind. Whoever
    cannot be carried over stays where they are, and the trail says so.
    """
    if run.state == "done" or run.version == to.version:
        return Transition(run)
    detail = {"from": run.version, "to": to.version}
    if run.at is None:
        # An automation at the provider carries it out: it stands on no step.
        return Transition(replace(run, version=to.version), trail=(TrailLine(now, "new_version", None, detail),))
    at = steps.get(run.at, run.at)
    there = to.steps.get(at)
    waits_for_effect = run.waiting is not None and any(wake[0] == "effect" for wake in run.waiting.wakes_on)
    if there is None or (waits_for_effect and there.kind != left.steps[run.at].kind):
        return Transition(run, trail=(TrailLine(now, "not_carried_over", run.at, {**detail, "step": at}),))
    line = TrailLine(now, "new_version", at, detail)
    moved = replace(run, version=to.version, at=at)
    if waits_for_effect:
        return Transition(moved, trail=(line,))
    timers = (TimerCancel(WAIT_TIMER),) if run.waiting and run.waiting.due_at else ()
    then = go_on(to, replace(moved, waiting=None), facts, now)
    return replace(then, timers=(*timers, *then.timers), trail=(line, *then.trail))
