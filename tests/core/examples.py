"""A cart flow, a shopper and her events: what the tests of the core begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import (
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    MessageSpec,
    Run,
    Settled,
    Stimulus,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.validate import load

T0 = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHOPPER = 7
FACTS: dict[str, Any] = {
    "person": {"seed": "2b1f", "orders_count": 0, "timezone": "Europe/Paris", "consent": {"email": "subscribed"}},
    "shop": {"timezone": "Europe/Paris", "offers": {}},
    "flows": {"live_tags": []},
}
MESSAGES = {
    name: MessageSpec(name, "email", "marketing", timedelta(hours=24))
    for name in ("reminder", "proof", "plain", "countdown", "last")
}


def definition(**changes: Any) -> dict[str, Any]:
    """The cart flow as data; `changes` replace top-level entries, None removes one."""
    data: dict[str, Any] = {
        "flow": "cart",
        "name": "Cart",
        "trigger": {
            "on": "checkout_abandoned",
            "after": "1h",
            "key": "event.checkout_token",
            "where": {"event.total": {"gt": 0}},
        },
        "reentry": {"after": "1d"},
        "priority": 80,
        "cap": "own",
        "goal": {"on": "order_placed", "match": "event.checkout_token", "within": "72h"},
        "exit": ["order_placed", "cart_cleared", "unsubscribed"],
        "steps": [
            {"email": "reminder"},
            {"wait": "3h"},
            {
                "when": {"event.total": {"gte": 50}},
                "then": [{"email": "proof"}],
                "else": [{"end": "small-cart"}],
            },
            {"wait": {"until": "+48h from trigger"}},
            {
                "split": {
                    "name": "urgency",
                    "shares": {"plain": 50, "countdown": 50},
                    "arms": {"plain": [{"email": "plain"}], "countdown": [{"email": "countdown"}]},
                }
            },
            {"wait": {"until": "09:00"}},
            {"email": "last"},
        ],
        **changes,
    }
    return {name: value for name, value in data.items() if value is not None}


def flow(**changes: Any) -> FlowVersion:
    return load(definition(**changes), messages=MESSAGES)


def event(name: str, at: datetime, *, key: str | None = None, person: int | None = SHOPPER, **more: Any) -> Event:
    historical = more.pop("historical", False)
    identity = uuid5(NAMESPACE_URL, f"{name} {at} {key} {person} {more}")
    return Event(identity, name, at, f"checkout:{key}", key, person, more, historical)


def abandoned(at: datetime = T0, total: str = "60.00", token: str = "tok") -> Event:
    """The signal about a checkout last changed one hour before `at`."""
    return event(
        "checkout_abandoned",
        at,
        key=token,
        checkout_token=token,
        total=total,
        anchor_at=(at - HOUR).isoformat(),
        after_seconds=3600,
    )


def entered(of: FlowVersion, trigger: Event | None = None, now: datetime = T0) -> Transition:
    """The first transition of a run that has just been let in."""
    run = enrol(of, trigger or abandoned(), [], [], FACTS, now)
    assert isinstance(run, Run), run
    return advance(of, run, Entered(), FACTS, now)


def next_stimulus(transition: Transition, now: datetime, outcome: Settled = "accepted") -> tuple[Stimulus, datetime]:
    """What would wake the run next, and when."""
    if transition.effects:
        return EffectDone(transition.effects[-1].key, outcome, "", now), now
    timers = [timer for timer in transition.timers if isinstance(timer, TimerSet)]
    return TimerFired(timers[-1].token), max(now, timers[-1].due_at)


def play(
    of: FlowVersion,
    transition: Transition,
    now: datetime,
    until: datetime | None = None,
    facts: Mapping[str, Any] = FACTS,
) -> list[tuple[datetime, Transition]]:
    """Every transition until the run ends or `until` has come: messages accepted at once, timers on time."""
    story = [(now, transition)]
    while transition.run.state == "live":
        stimulus, now = next_stimulus(transition, now)
        if until is not None and now > until:
            break
        transition = advance(of, transition.run, stimulus, facts, now)
        story.append((now, transition))
    return story


def sent(story: list[tuple[datetime, Transition]]) -> list[tuple[str, datetime]]:
    return [(effect.message, at) for at, transition in story for effect in transition.effects if effect.message]
