"""The moment of a flow's own schedule has come for a person: every Monday at 9:00, or once on a date.

A flow with `trigger: {on: schedule, ...}` lets in whom its audience lets in. Each occurrence lets everybody in once at
most. See *Schedules*.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from flows.core import chance
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.schedules import Schedule
from flows.core.signals.signal import ArmTimer, Derived, NewEvent, Signal, SignalSettings

NAME = "schedule"


def armed(flow: str, schedule: Schedule, day: date, moment: datetime, enters_at: datetime) -> ArmTimer:
    """The clock of one person for one occurrence of this flow's schedule. `moment`: theirs, `enters_at`: with what it
    is spread by."""
    occurrence = schedule.name(day)
    payload = {
        "flow": flow,
        "occurrence": occurrence,
        "schedule": schedule.say(),
        "anchor_at": moment.isoformat(),
        "enters_at": enters_at.isoformat(),
        "deadline_seconds": int(schedule.deadline.total_seconds()),
    }
    return ArmTimer(NAME, f"{flow}:{occurrence}", enters_at, moment, payload)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    """No event arms it: the flow's occurrences do (flows/engine/schedules.py)."""
    return Derived()


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    moment = datetime.fromisoformat(payload["anchor_at"])
    if now > moment + timedelta(seconds=payload["deadline_seconds"]):
        return Derived()
    flow, occurrence = payload["flow"], payload["occurrence"]
    props = {name: payload[name] for name in ("flow", "occurrence", "schedule", "anchor_at")}
    subject = f"person:{lookup(facts, 'person.id')}"
    identity = f"{flow}:{occurrence}:{chance.seed(facts)}"
    told = NewEvent(NAME, datetime.fromisoformat(payload["enters_at"]), subject, None, identity, props)
    return Derived((told,))


SCHEDULE = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset(),
    needs=frozenset({"person"}),
    props={
        "flow": "the flow whose schedule it is",
        "occurrence": "which occurrence, e.g. 2026-11-02 09:00",
        "schedule": "the schedule in words",
        "anchor_at": "what “from trigger” counts from: the person's own moment",
    },
    derive=derive,
    fire=fire,
)
