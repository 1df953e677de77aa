"""Waiting for an event: ``wait: {for: EVENT, where, match, at_most}``, with a way each for came and did not come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.core import conditions
from flows.core.answers import Answer, Go, Park, Stay, Woke
from flows.core.conditions import CannotTell, Condition, No
from flows.core.facts import MISSING, Facts, lookup
from flows.core.model import Event, Happened, Run, TimerFired

CAME, MISSED = "then", "else"


@dataclass(frozen=True, slots=True)
class Awaited:
    """`awaits`: the event. `where`: only one for which this holds, ``event.`` being its own fields. `match`: a field
    that must be the same as in the trigger."""

    awaits: str
    at_most: timedelta
    where: Condition | None = None
    match: str | None = None


def answer(config: Awaited, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    until = run.since + config.at_most
    if isinstance(woke, Happened) and woke.event.occurred_at <= until:
        return _heard(config, run, woke.event, facts, now)
    if until <= now or isinstance(woke, TimerFired | Happened):
        return Go(MISSED, at=max(until, run.since), code="event_missed", detail={"event": config.awaits})
    return Park(until=until, wakes_on=(("event", config.awaits),))


def _heard(config: Awaited, run: Run, event: Event, facts: Facts, now: datetime) -> Answer:
    if event.props.get("run_id", str(run.id)) != str(run.id):
        # What became of a message: of one of this run, not of some other flow's.
        return Stay()
    if config.match is not None:
        wanted, told = lookup({"event": run.trigger}, config.match), lookup({"event": event.props}, config.match)
        if MISSING in (wanted, told) or told is None or wanted != told:
            return Stay()
    if config.where is not None:
        match conditions.evaluate(config.where, {**facts, "event": event.props}, now):
            case No():
                return Stay()
            case CannotTell(because=finding):
                return Stay(code="event_unclear", detail={"event": event.name, "because": finding.to_json()})
    # What is told late happened before, and what the clocks of others say may lie ahead.
    at = min(max(event.occurred_at, run.since), now)
    return Go(CAME, at=at, code="event_came", detail={"event": event.name, "event_id": str(event.id)})
