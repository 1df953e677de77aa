"""Whether an event lets a person into a flow, and with which run; a refusal says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from flows.core import chance, conditions, standing
from flows.core.conditions import CannotTell, No
from flows.core.facts import MISSING, Facts, lookup
from flows.core.model import Event, FlowVersion, Note, PastRun, Run
from flows.core.reasons import PASSED_OVER
from flows.core.signals import threshold

NAMESPACE = UUID("0d6d1bd5-58b0-5f0c-8f0e-3c0b0f6a9c5e")
SILENT = frozenset(PASSED_OVER)
"""Objections that leave no trace: the event is none that this flow starts on."""


def run_id(flow: str, event_id: UUID) -> UUID:
    """One event starts one run of a flow, however often it is decided."""
    return uuid5(NAMESPACE, f"{flow}:{event_id}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """`facts` with those of the event."""

    flow: FlowVersion
    event: Event
    live: Sequence[Run]
    past: Sequence[PastRun]
    facts: Facts
    now: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """What one rule of RULES says: nothing against it, or why not."""

    rule: str
    objection: Note | None


Rule = Callable[[_Asked], Note | None]


def enrol(
    flow: FlowVersion,
    event: Event,
    live: Sequence[Run],
    past: Sequence[PastRun],
    facts: Facts,
    now: datetime,
    *,
    anew: bool = False,
) -> Run | Note | None:
    """The new run, a Note with the reason code, or None when the event is not this flow's trigger.

    `live`: this person's live runs of this flow; `past`: their earlier ones, `live` may be among them. Needs
    the facts of `flow.needs`. The first rule of RULES that objects decides. `anew`: a run of theirs has just ended so
    that this one begins, whatever the trigger and the rule of re-entry say. Raises LookupError when the seed for a
    hold-out was not loaded.
    """
    if not anew and event.name != flow.trigger.on and not standing.lets_in(flow, event):
        return None
    asked = _Asked(flow, event, live, past, {**facts, "event": event.props}, now)
    for name, rule in RULES.items():
        if anew and name in _OF_ENTERING:
            continue
        note = rule(asked)
        if note is not None:
            return None if note.code in SILENT else note
    assert event.person_id is not None
    return Run(
        id=run_id(flow.flow, event.id),
        flow=flow.flow,
        version=flow.version,
        person_id=event.person_id,
        key=_key(flow, asked.facts) or "",
        state="live",
        outcome=None,
        entered_at=now,
        anchor_at=_anchor(event),
        since=event.occurred_at,
        trigger=event.props,
        at=flow.first,
    )


def examine(
    flow: FlowVersion, event: Event, live: Sequence[Run], past: Sequence[PastRun], facts: Facts, now: datetime
) -> tuple[Answered, ...]:
    """What each rule answers, in their order, and not only the first that objects: of this `enrol` makes its answer."""
    asked = _Asked(flow, event, live, past, {**facts, "event": event.props}, now)
    return tuple(Answered(name, rule(asked)) for name, rule in RULES.items())


def _trigger(asked: _Asked) -> Note | None:
    flow, event = asked.flow, asked.event
    if standing.lets_in(flow, event):
        return Note("moved_in_circles", {"from": event.props["moved_from"]}) if standing.goes_round(event) else None
    if event.name != flow.trigger.on:
        return Note("other_event", {"event": event.name})
    if not _own_threshold(flow, event):
        return Note("other_threshold", {"after_seconds": event.props["after_seconds"]})
    if not _own_schedule(flow, event):
        return Note("other_schedule", {name: event.props.get(name) for name in ("flow", "schedule")})
    if flow.trigger.where is None:
        return None
    match conditions.evaluate(flow.trigger.where, asked.facts, asked.now):
        case No(because=finding):
            return Note("trigger_unmatched", {"because": finding.to_json()})
        case CannotTell(because=finding):
            return Note("trigger_unclear", {"because": finding.to_json()})
    return None


def _cause(asked: _Asked) -> Note | None:
    if not standing.caused_by(asked.event, asked.flow.flow):
        return None
    return Note("moved_in_circles", {standing.CAUSED_BY: asked.event.props[standing.CAUSED_BY]})


def _counted(asked: _Asked) -> Note | None:
    why = asked.event.props.get("excluded")
    return Note("not_counted", {"why": why}) if why else None


def _history(asked: _Asked) -> Note | None:
    return Note("historical") if asked.event.historical else None


def _person(asked: _Asked) -> Note | None:
    return Note("nobody") if asked.event.person_id is None else None


def _keyed(asked: _Asked) -> Note | None:
    return Note("no_key", {"path": asked.flow.trigger.key}) if _key(asked.flow, asked.facts) is None else None


def _own_threshold(flow: FlowVersion, event: Event) -> bool:
    """A signal is told once per threshold that some flow asks for; a flow takes its own."""
    told = event.props.get("after_seconds")
    wanted = flow.trigger.after or threshold(flow.trigger.on)
    return told is None or wanted is None or timedelta(seconds=told) == wanted


def _own_schedule(flow: FlowVersion, event: Event) -> bool:
    """A schedule is a flow's own; what it was before it was changed lets nobody in any more."""
    schedule = flow.trigger.schedule
    return schedule is None or (event.props.get("flow"), event.props.get("schedule")) == (flow.flow, schedule.say())


def _key(flow: FlowVersion, facts: Facts) -> str | None:
    if flow.trigger.key is None:
        return ""
    value = lookup(facts, flow.trigger.key)
    if value is MISSING and flow.trigger.schedule is not None:
        # Put in by another flow, for no occurrence.
        return ""
    return None if value is MISSING or value is None or value == "" else str(value)


def _anchor(event: Event) -> datetime:
    anchor = event.props.get("anchor_at")
    return datetime.fromisoformat(anchor) if isinstance(anchor, str) else event.occurred_at


def _audience(asked: _Asked) -> Note | None:
    if asked.flow.audience is None:
        return None
    match conditions.evaluate(asked.flow.audience, asked.facts, asked.now):
        case No(because=finding):
            return Note("outside_audience", {"because": finding.to_json()})
        case CannotTell(because=finding):
            return Note("audience_unclear", {"because": finding.to_json()})
    return None


def _reentry(asked: _Asked) -> Note | None:
    flow, now = asked.flow, asked.now
    key = _key(flow, asked.facts)
    scheduled = flow.trigger.schedule is not None
    for run in asked.live:
        # The key of a schedule is its occurrence: whoever is inside since the last one does not enter once more.
        if run.key == key or scheduled:
            return Note("already_in", {"run": str(run.id)})
    if scheduled and key and any(run.key == key for run in asked.past):
        # The two whom this person was have each been told of it.
        return Note("same_occurrence", {"occurrence": key})
    entered = [run.entered_at for run in asked.live] + [run.entered_at for run in asked.past]
    if not entered or flow.reentry.kind == "always":
        return None
    last = max(entered)
    detail: Mapping[str, Any] = {"entered_at": last.isoformat()}
    if flow.reentry.kind == "never":
        return Note("entered_before", detail)
    if flow.reentry.after is not None and now < last + flow.reentry.after:
        return Note("entered_lately", {**detail, "again_at": (last + flow.reentry.after).isoformat()})
    return None


def _exclusion(asked: _Asked) -> Note | None:
    if not asked.flow.not_while_in:
        return None
    tags = lookup(asked.facts, "flows.live_tags")
    if not isinstance(tags, list | tuple | set | frozenset):
        return Note("exclusion_unclear", {"missing": "flows.live_tags"})
    for tag in asked.flow.not_while_in:
        if tag in tags:
            return Note("excluded", {"tag": tag})
    return None


def _test(asked: _Asked) -> Note | None:
    test = asked.flow.test
    if test is None or (arm := test.assigned(asked.facts)) == test.arm:
        return None
    return Note("other_arm", {"test": test.name, "arm": arm})


def _hold_out(asked: _Asked) -> Note | None:
    flow = asked.flow
    if flow.hold_out is None:
        return None
    held = chance.draw(flow.flow, "hold-out", chance.seed(asked.facts)) < flow.hold_out.percent
    return Note("held_out", {"percent": flow.hold_out.percent}) if held else None


RULES: Mapping[str, Rule] = {
    "trigger": _trigger,
    "cause": _cause,
    "counted": _counted,
    "history": _history,
    "person": _person,
    "key": _keyed,
    "audience": _audience,
    "reentry": _reentry,
    "exclusion": _exclusion,
    "test": _test,
    "hold_out": _hold_out,
}
"""What is asked, in this order."""
_OF_ENTERING = frozenset({"trigger", "reentry"})
