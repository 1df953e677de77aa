"""Runs that an automation at the provider carries out: they take no steps here, and end as every run does.

Such a run stands on no step. It waits for its goal and for its exit rules, which `machine.advance` asks before anything
else, and for the end of its time: the flow's limit, else that of the goal, else 30 days. Who carries a run out is
settled when it begins; a flow that changes hands changes nothing for those inside.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flows.core.machine import COMPLETED, TIME_LIMIT, TIMER, WAIT_TIMER
from flows.core.model import FlowVersion, Note, Run, TimerSet, TrailLine, Transition, Waiting

LONGEST = timedelta(days=30)
MARK = "handed_over"
"""The variable of such a run."""


def hand_over(flow: FlowVersion, run: Run, now: datetime, *, permitted: bool) -> Transition | Note:
    """The beginning of `run`, which `enrol` has just made, instead of its first step; a Note when it may not begin.

    `permitted`: whether some message of the flow may be sent to the person. Before one of ours leaves the gate asks;
    before one of the provider's nothing would.
    """
    if not permitted:
        return Note("not_permitted")
    until = run.entered_at + (flow.limit or (flow.goal.within if flow.goal else LONGEST))
    token = f"{run.id}:{MARK}"
    waiting = Waiting(token, (TIMER,), until)
    run = run.moved(None, run.since, 1, {MARK: True}, waiting)
    detail = {"flow": flow.flow, "version": flow.version, "until": until.isoformat()}
    line = TrailLine(now, "handed_over", None, detail)
    return Transition(run, timers=(TimerSet(WAIT_TIMER, until, token),), trail=(line,))


def is_handed_over(run: Run) -> bool:
    """Whether an automation at the provider carries this run out."""
    return bool(run.vars.get(MARK))


def left_because(run: Run) -> str:
    """Why an ended run is over: goal, time_limit, or the event of the exit rule."""
    outcome = run.outcome or ""
    return TIME_LIMIT if outcome == COMPLETED else outcome.removeprefix("exit:")
