"""How a run moves: one stimulus in, one transition out.

The order, in `advance`:

1. a finished run does not move;
2. somebody who is taken out is out (`flows.core.standing`);
3. the goal ends it, even when the same event is an exit rule;
4. an exit rule ends it, and may put the person into another flow;
5. what makes it begin anew ends it, so that another one can begin;
6. only the wake-up that the run waits for goes on; anything stale or repeated changes nothing;
7. nobody stays longer than the flow's limit;
8. steps run until one parks or the flow ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flows.core import goals, standing
from flows.core.answers import Do, Finish, Go, Park, Stay, Woke
from flows.core.conditions import Finding
from flows.core.facts import Facts
from flows.core.model import (
    Change,
    Effect,
    EffectDone,
    Entered,
    Event,
    Exit,
    FlowVersion,
    Happened,
    Run,
    Stimulus,
    TimerCancel,
    TimerFired,
    TimerSet,
    TrailLine,
    Transition,
    Waiting,
    Wake,
)
from flows.core.steps import STEPS
from flows.core.steps.coupon import COUPONS
from flows.core.steps.move_to import ENTER

WAIT_TIMER = "wait"
"""A run waits in one place at a time, so it has one timer."""
STEP_BUDGET = 200
"""More steps than this without a wait is a flow that loading should have refused."""
COMPLETED = "completed"
TIME_LIMIT = "time_limit"
RESTARTED = "restarted"
TIMER: Wake = ("timer",)


class EndlessFlow(Exception):
    """The flow ran STEP_BUDGET steps without waiting."""


def advance(flow: FlowVersion, run: Run, stimulus: Stimulus, facts: Facts, now: datetime) -> Transition:
    """The transition that `stimulus` causes at `now`. Needs the facts of `flow.needs`; changes no argument.

    Raises EndlessFlow, and LookupError when a fact that chance is hashed from was not loaded.
    """
    if run.state == "done":
        return Transition(run)
    notes = _Notes()
    if isinstance(stimulus, Happened) and goals.reaches(stimulus.event, run):
        event = stimulus.event
        if standing.takes_out(event, run):
            outcome = str(event.props["outcome"])
            return _stop(run, outcome, TrailLine(now, "taken_out", run.at, {"outcome": outcome}))
        ended_by = goals.ended_by(flow, run, event, now)
        if goals.reached(flow, run, event):
            line = TrailLine(now, "goal_reached", run.at, _about(event))
            # A purchase may be what the flow is for and the way into the next one.
            return _stop(run, "goal", line, _moved_on(run, ended_by, event))
        match ended_by:
            case Exit() as rule:
                line = TrailLine(now, "exited", run.at, _about(event))
                return _stop(run, f"exit:{event.name}", line, _moved_on(run, rule, event))
            case Finding() as unclear:
                because = {"because": unclear.to_json()}
                notes.trail.append(TrailLine(now, "exit_unclear", run.at, {**_about(event), **because}))
        if goals.begins_anew(flow, run, event):
            return _stop(run, RESTARTED, TrailLine(now, "begun_anew", run.at, _about(event)))
    if isinstance(stimulus, Entered):
        if run.visit or run.waiting or run.at is None:
            return Transition(run)
        detail = {"flow": flow.flow, "version": flow.version, "anchor_at": run.anchor_at.isoformat()}
        return _walk(flow, run, None, facts, now, _Notes(trail=[TrailLine(now, "entered", None, detail)]))
    if not _wakes(run, stimulus):
        return notes.transition(run)
    if isinstance(stimulus, EffectDone) and stimulus.outcome == "unknown":
        return _unknown(run, stimulus, now)
    ends_at = _ends_at(flow, run)
    if ends_at is not None and now >= ends_at:
        return _stop(run, TIME_LIMIT, TrailLine(now, "time_limit", run.at, {"ended_at": ends_at.isoformat()}))
    if run.waiting and run.waiting.due_at and not isinstance(stimulus, TimerFired):
        notes.timers.append(TimerCancel(WAIT_TIMER))
    return _walk(flow, run, stimulus, facts, now, notes)


def go_on(flow: FlowVersion, run: Run, facts: Facts, now: datetime) -> Transition:
    """The run begins the step that it stands on, as if it had just been reached. Raises as `advance` does."""
    return _walk(flow, run, None, facts, now, _Notes())


@dataclass(slots=True)
class _Notes:
    """What a transition collects on its way."""

    effects: list[Effect] = field(default_factory=list)
    timers: list[TimerSet | TimerCancel] = field(default_factory=list)
    trail: list[TrailLine] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def transition(self, run: Run) -> Transition:
        return Transition(run, tuple(self.effects), tuple(self.timers), tuple(self.trail), changes=tuple(self.changes))

    def change(self, run: Run, step: str, changes: tuple[Change, ...]) -> None:
        for change in changes:
            key = f"{run.id}:{step}:{run.visit}:{len(self.changes) + 1}"
            self.changes.append(Change(change.kind, change.data, key, step))


def _about(event: Event) -> dict[str, str]:
    return {"event": event.name, "event_id": str(event.id)}


def _stop(run: Run, outcome: str, line: TrailLine, changes: tuple[Change, ...] = ()) -> Transition:
    timers = (TimerCancel(WAIT_TIMER),) if run.waiting and run.waiting.due_at else ()
    ended = replace(run, state="done", outcome=outcome, waiting=None)
    return Transition(ended, timers=timers, trail=(line,), cancel_effects=True, changes=changes)


def _moved_on(run: Run, rule: Exit | Finding | None, event: Event) -> tuple[Change, ...]:
    # Somebody else's order says nothing of this person, and history starts nothing.
    own = event.person_id == run.person_id and not event.historical
    if not isinstance(rule, Exit) or rule.move_to is None or not own:
        return ()
    # Into the other flow with what ended this one, unlike a step, which hands on what this one began with.
    data = {"flow": rule.move_to, "event": event.to_json()}
    return (Change(ENTER, data, f"{run.id}:exit:{run.visit}:1", run.at or ""),)


def _ends_at(flow: FlowVersion, run: Run) -> datetime | None:
    """When the run is over whatever it waits for."""
    return None if flow.limit is None else run.entered_at + flow.limit


def _wakes(run: Run, stimulus: Stimulus) -> bool:
    if run.waiting is None:
        return False
    match stimulus:
        case TimerFired(token=token):
            return token == run.waiting.token and TIMER in run.waiting.wakes_on
        case EffectDone(key=key):
            return ("effect", key) in run.waiting.wakes_on
        case Happened(event=event):
            # History may end a run; it moves none on to its next message.
            heard = not event.historical and goals.reaches(event, run)
            return heard and ("event", event.name) in run.waiting.wakes_on
        case _:
            return False


def _unknown(run: Run, done: EffectDone, now: datetime) -> Transition:
    if run.vars.get("unknown") == done.key:
        return Transition(run)
    line = TrailLine(now, "message_unknown", run.at, {"reason": done.reason})
    return Transition(replace(run, vars={**run.vars, "unknown": done.key}), trail=(line,))


def _walk(flow: FlowVersion, run: Run, woke: Woke | None, facts: Facts, now: datetime, notes: _Notes) -> Transition:
    # The trigger's event is the run's own: no loader can hand in another one.
    facts = {**facts, "event": run.trigger}
    if woke is None:
        run = run.moved(run.at, run.since, run.visit + 1, run.vars, run.waiting)
    for _ in range(STEP_BUDGET):
        if run.at is None:
            return notes.transition(_end(run, COMPLETED, now, notes))
        step = flow.steps[run.at]
        if COUPONS in run.vars:
            facts = {**facts, COUPONS: run.vars[COUPONS]}
        answer = STEPS[step.kind].run(step, run, facts, now, woke)
        woke = None
        match answer:
            case Go(port=port, at=at, vars=found, code=code, detail=detail, changes=changes):
                _note(notes, now, code, step.id, detail)
                notes.change(run, step.id, changes)
                run = _begin(run, step.ports[port], at or run.since, found)
            case Park():
                return notes.transition(_park(flow, run, step.id, answer, now, notes))
            case Stay(code=code, detail=detail):
                # Whatever woke it: its timer and what it waits for stand as they are.
                said = (TrailLine(now, code, step.id, detail),) if code else ()
                return Transition(run, trail=said)
            case Finish(outcome=outcome, vars=found, code=code, detail=detail, changes=changes):
                _note(notes, now, code, step.id, detail)
                notes.change(run, step.id, changes)
                return notes.transition(_end(replace(run, vars={**run.vars, **found}), outcome, now, notes))
    raise EndlessFlow(f"{flow.flow} version {flow.version} at step {run.at}")


def _begin(run: Run, at: str | None, since: datetime, found: Mapping[str, Any]) -> Run:
    """The run on its next step, which has thereby begun; None is the end of the flow."""
    known = run.vars
    if found or "unknown" in known:
        known = {**{name: value for name, value in known.items() if name != "unknown"}, **found}
    return run.moved(at, since, run.visit if at is None else run.visit + 1, known, None)


def _note(notes: _Notes, now: datetime, code: str | None, step: str, detail: Mapping[str, Any]) -> None:
    if code is not None:
        notes.trail.append(TrailLine(now, code, step, detail))


def _park(flow: FlowVersion, run: Run, step: str, park: Park, now: datetime, notes: _Notes) -> Run:
    token = f"{run.id}:{step}:{run.visit}"
    wakes: list[Wake] = list(park.wakes_on)
    until, ends_at = park.until, _ends_at(flow, run)
    if ends_at is not None and not (park.sends or park.does):
        # One timer for both: the run is waiting in one place at a time.
        until = ends_at if until is None else min(until, ends_at)
    if until is not None:
        wakes.append(TIMER)
        notes.timers.append(TimerSet(WAIT_TIMER, until, token))
        notes.trail.append(TrailLine(now, "waiting", step, {"until": until.isoformat()}))
    for n, send in enumerate(park.sends, start=1):
        message = flow.messages[send.message]
        # Late is counted from when the flow meant it to leave, not from when somebody got round to it.
        due_at = min(run.since, now)
        key = f"{token}:{n}"
        wakes.append(("effect", key))
        notes.effects.append(
            Effect(
                key=key,
                channel=message.channel,
                message=message.name,
                step=step,
                purpose=message.purpose,
                due_at=due_at,
                deadline=_before(ends_at, due_at + message.deadline),
                priority=flow.priority,
            )
        )
        notes.trail.append(TrailLine(now, "message_wanted", step, {"message": message.name, "key": key}))
    for n, do in enumerate(park.does, start=1 + len(park.sends)):
        key = f"{token}:{n}"
        wakes.append(("effect", key))
        notes.effects.append(_deed(flow, run, step, do, key, min(run.since, now)))
        notes.trail.append(TrailLine(now, "action_wanted", step, {"action": do.action, "key": key}))
    return run.moved(run.at, run.since, run.visit, run.vars, Waiting(token, tuple(wakes), until))


def _before(ends_at: datetime | None, moment: datetime) -> datetime:
    return moment if ends_at is None else min(moment, ends_at)


def _deed(flow: FlowVersion, run: Run, step: str, do: Do, key: str, due_at: datetime) -> Effect:
    """What is to be done as an effect. Nobody is written to, so it is as good as a transactional message."""
    return Effect(
        key=key,
        channel=do.action,
        message="",
        step=step,
        purpose="transactional",
        due_at=due_at,
        deadline=_before(_ends_at(flow, run), due_at + do.within),
        priority=flow.priority,
        data=do.data,
    )


def _end(run: Run, outcome: str, now: datetime, notes: _Notes) -> Run:
    notes.trail.append(TrailLine(now, "finished", run.at, {"outcome": outcome}))
    return replace(run, state="done", outcome=outcome, waiting=None)
