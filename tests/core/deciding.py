"""``python -m tests.core.deciding``: decides a log that comes in, and writes out all that was decided, as JSON.

A process of its own, so that nothing of another one's settings (the seed of hashes, the zone, the language) is shared.
``careless`` as an argument decides by such a setting, for the control.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.core.enrol import enrol
from flows.core.gate import GateFacts, GateMessage, gate
from flows.core.hours import Quiet, outside
from flows.core.machine import advance
from flows.core.model import (
    Effect,
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    Happened,
    Limit,
    MessageSpec,
    Run,
    Stimulus,
    TimerFired,
    TimerSet,
)
from flows.core.permission import Yes
from flows.core.validate import load
from tests.core.random_flows import MESSAGES

SPECS = {name: MessageSpec(name, "email", "marketing", timedelta(days=2)) for name in MESSAGES}


def decide(log: Mapping[str, Any], *, careless: bool = False) -> list[Any]:
    """For each story of the log: the run after each stimulus, with what it wanted and what the gate said."""
    return [_story(story, careless) for story in log["stories"]]


def _story(story: Mapping[str, Any], careless: bool) -> list[Any]:
    flow = load(story["flow"], messages=SPECS)
    facts, now = story["facts"], datetime.fromisoformat(story["now"])
    begun = enrol(flow, Event.from_json(story["event"]), [], [], facts, now)
    if not isinstance(begun, Run):
        return [repr(begun)]
    told: list[Any] = []
    run, pending = _moved(flow, begun, Entered(), facts, now, told)
    for move in story["moves"]:
        now += timedelta(minutes=move["minutes"])
        stimulus: Stimulus
        if move["event"] is not None:
            stimulus = Happened(Event.from_json(move["event"]))
        elif isinstance(pending, TimerSet):
            now, stimulus = max(now, pending.due_at), TimerFired(pending.token)
        elif isinstance(pending, Effect):
            stimulus = EffectDone(pending.key, move["outcome"], "", now)
        else:
            break
        run, waits = _moved(flow, run, stimulus, facts, now, told)
        pending = waits or pending
        if careless:
            # What nobody may decide by: the order of a set of texts, and the zone of the machine.
            told.append([*{"plain", "urgent", "slow"}, datetime.fromtimestamp(0).hour, os.environ.get("LC_ALL")])  # noqa: DTZ006
    return told


def _moved(
    flow: FlowVersion, run: Run, stimulus: Stimulus, facts: Mapping[str, Any], now: datetime, told: list[Any]
) -> tuple[Run, TimerSet | Effect | None]:
    transition = advance(flow, run, stimulus, facts, now)
    waits: TimerSet | Effect | None = None
    for timer in transition.timers:
        waits = timer if isinstance(timer, TimerSet) else waits
    verdicts = []
    for effect in transition.effects:
        waits = effect
        verdicts.append(repr(_asked(flow, run, effect, facts, now)))
    trail = [[line.code, line.step, line.at.isoformat(), line.detail] for line in transition.trail]
    told.append([transition.run.state, transition.run.outcome, transition.run.position(), trail, verdicts])
    return transition.run, waits


def _asked(flow: FlowVersion, run: Run, effect: Effect, facts: Mapping[str, Any], now: datetime) -> Any:
    zone = facts["person"]["timezone"]
    known = {
        "permission": Yes(),
        "live_tags": [],
        "ledger": [],
        "shop_cap": Limit(3, 7),
        "quiet": Quiet(outside(time(21), time(8)), (ZoneInfo(zone),)),
        "timezone": zone,
    }
    named = {field.name for field in dataclasses.fields(GateFacts)}
    question = GateMessage(
        flow=flow.flow,
        run_id=run.id,
        channel=effect.channel,
        purpose=effect.purpose,
        cap=flow.cap,
        priority=effect.priority,
        due_at=effect.due_at,
        deadline=effect.deadline,
    )
    return gate(question, GateFacts(**{name: value for name, value in known.items() if name in named}), now)


def main() -> None:
    log = json.load(sys.stdin)
    decided = decide(log, careless="careless" in sys.argv)
    json.dump(decided, sys.stdout, default=_plain, sort_keys=False)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
