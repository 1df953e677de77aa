"""Whether an event lets a person into a flow, and with which run; a refusal says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from flows.core import chance, conditions
from flows.core.conditions import CannotTell, No
from flows.core.facts import MISSING, Facts, lookup
from flows.core.model import Event, FlowVersion, Note, PastRun, Run
from flows.core.signals import threshold

NAMESPACE = UUID("0d6d1bd5-58b0-5f0c-8f0e-3c0b0f6a9c5e")


def run_id(flow: str, event_id: UUID) -> UUID:
    """One event starts one run of a flow, however often it is decided."""
    return uuid5(NAMESPACE, f"{flow}:{event_id}")


def enrol(
    flow: FlowVersion, event: Event, live: Sequence[Run], past: Sequence[PastRun], facts: Facts, now: datetime
) -> Run | Note | None:
    """The new run, a Note with the reason code, or None when the event is not this flow's trigger.

    `live`: this person's live runs of this flow; `past`: their earlier ones, `live` may be among them. Needs
    the facts of `flow.needs`. The order: trigger, historical, person, key, audience, re-entry, exclusion,
    hold-out. Raises LookupError when the seed for a hold-out was not loaded.
    """
    if event.name != flow.trigger.on or not _own_threshold(flow, event):
        return None
    facts = {**facts, "event": event.props}
    if flow.trigger.where is not None:
        match conditions.evaluate(flow.trigger.where, facts, now):
            case No():
                return None
            case CannotTell(because=finding):
                return Note("trigger_unclear", {"because": finding.to_json()})
    if event.historical:
        return Note("historical")
    if event.person_id is None:
        return Note("nobody")
    key = _key(flow, facts)
    if key is None:
        return Note("no_key", {"path": flow.trigger.key})
    note = (
        _outside_audience(flow, facts, now)
        or _entered_before(flow, key, live, past, now)
        or _excluded(flow, facts)
        or _held_out(flow, facts)
    )
    if note is not None:
        return note
    return Run(
        id=run_id(flow.flow, event.id),
        flow=flow.flow,
        version=flow.version,
        person_id=event.person_id,
        key=key,
        state="live",
        outcome=None,
        entered_at=now,
        anchor_at=_anchor(event),
        since=event.occurred_at,
        trigger=event.props,
        at=flow.first,
    )


def _own_threshold(flow: FlowVersion, event: Event) -> bool:
    """A signal is told once per threshold that some flow asks for; a flow takes its own."""
    told = event.props.get("after_seconds")
    wanted = flow.trigger.after or threshold(flow.trigger.on)
    return told is None or wanted is None or timedelta(seconds=told) == wanted


def _key(flow: FlowVersion, facts: Facts) -> str | None:
    if flow.trigger.key is None:
        return ""
    value = lookup(facts, flow.trigger.key)
    return None if value is MISSING or value is None or value == "" else str(value)


def _anchor(event: Event) -> datetime:
    anchor = event.props.get("anchor_at")
    return datetime.fromisoformat(anchor) if isinstance(anchor, str) else event.occurred_at


def _outside_audience(flow: FlowVersion, facts: Facts, now: datetime) -> Note | None:
    if flow.audience is None:
        return None
    match conditions.evaluate(flow.audience, facts, now):
        case No(because=finding):
            return Note("outside_audience", {"because": finding.to_json()})
        case CannotTell(because=finding):
            return Note("audience_unclear", {"because": finding.to_json()})
    return None


def _entered_before(
    flow: FlowVersion, key: str, live: Sequence[Run], past: Sequence[PastRun], now: datetime
) -> Note | None:
    for run in live:
        if run.key == key:
            return Note("already_in", {"run": str(run.id)})
    entered = [run.entered_at for run in live] + [run.entered_at for run in past]
    if not entered or flow.reentry.kind == "always":
        return None
    last = max(entered)
    detail: Mapping[str, Any] = {"entered_at": last.isoformat()}
    if flow.reentry.kind == "never":
        return Note("entered_before", detail)
    if flow.reentry.after is not None and now < last + flow.reentry.after:
        return Note("entered_lately", {**detail, "again_at": (last + flow.reentry.after).isoformat()})
    return None


def _excluded(flow: FlowVersion, facts: Facts) -> Note | None:
    if not flow.not_while_in:
        return None
    tags = lookup(facts, "flows.live_tags")
    if not isinstance(tags, list | tuple | set | frozenset):
        return Note("exclusion_unclear", {"missing": "flows.live_tags"})
    for tag in flow.not_while_in:
        if tag in tags:
            return Note("excluded", {"tag": tag})
    return None


def _held_out(flow: FlowVersion, facts: Facts) -> Note | None:
    if flow.hold_out is None:
        return None
    held = chance.draw(flow.flow, "hold-out", chance.seed(facts)) < flow.hold_out.percent
    return Note("held_out", {"percent": flow.hold_out.percent}) if held else None
