"""Which clocks of these people are to be armed, and why the others are left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from connector.eventlog import Fact
from connector.shops import Shop
from flows.core.signals import Anchor, ArmTimer, PastClock, SignalSettings
from flows.engine.arming import anchors
from flows.engine.arming.choice import Choice
from flows.engine.writes import clock_key


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock to be armed. ``late``: its moment has passed, and it needs a place in the ration. ``moved``: it runs
    already, for thresholds that no flow has any more."""

    person_id: int
    seed: str
    timer: ArmTimer
    late: bool
    moved: bool


@dataclass
class Plan:
    """``running``, ``told`` and ``left_out``: how many clocks run already, have told their fact, come too late."""

    clocks: list[Clock] = field(default_factory=list)
    running: int = 0
    told: int = 0
    left_out: int = 0


def plan(
    connection: Connection, shop: Shop, choice: Choice, settings: SignalSettings, ids: Sequence[int], now: datetime
) -> Plan:
    """What is to be done for these people: three statements, however many they are."""
    past = choice.past
    found = anchors.of_people(connection, shop, past.anchors, ids)
    running = _running(connection, shop, choice.signal, found)
    made = Plan()
    late: list[tuple[Clock, PastClock]] = []
    for anchor in found:
        wanted = past.clock(anchor, settings, now)
        if wanted is None:
            continue
        _, owner, key = clock_key(anchor.person_id, choice.signal, anchor.key)
        runs = running.get((owner, key))
        if runs is not None and _thresholds(runs) == _thresholds(wanted.timer.payload):
            made.running += 1
            continue
        clock = Clock(anchor.person_id, anchor.seed, wanted.timer, wanted.timer.due_at <= now, runs is not None)
        if not clock.late:
            made.clocks.append(clock)
        elif _useless(choice, now - wanted.timer.due_at):
            made.left_out += 1
        else:
            late.append((clock, wanted))
    told = _told(connection, shop, choice.signal, [wanted for _, wanted in late])
    made.clocks += [clock for clock, wanted in late if wanted.tells not in told]
    made.told = len(late) - sum(clock.late for clock in made.clocks)
    return made


def _running(
    connection: Connection, shop: Shop, signal: str, found: Sequence[Anchor]
) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """{(owner, key): what the clock was armed with} of those that run."""
    keys = [clock_key(anchor.person_id, signal, anchor.key)[1:] for anchor in found]
    asked = {"shop_id": shop.id, "owners": [owner for owner, _ in keys], "keys": [key for _, key in keys]}
    return {(row.owner, row.key): row.payload["payload"] for row in connection.execute(_RUNNING, asked)}


# Each is found by its key, one by one.
_RUNNING = text(
    """
SELECT asked.owner, asked.key, armed.payload
FROM unnest(CAST(:owners AS text[]), CAST(:keys AS text[])) AS asked (owner, key)
CROSS JOIN LATERAL (
    SELECT payload FROM timers
    WHERE shop_id = :shop_id AND kind = 'signal' AND timers.owner = asked.owner AND timers.key = asked.key
    OFFSET 0
) AS armed
"""
)


def _thresholds(payload: Mapping[str, Any]) -> list[int]:
    return list(payload.get("after_seconds", ()))


def _useless(choice: Choice, late: timedelta) -> bool:
    return choice.daily is None or (choice.longest_days is not None and late > timedelta(days=choice.longest_days))


def _told(connection: Connection, shop: Shop, signal: str, late: Sequence[PastClock]) -> frozenset[str]:
    """Of which of these clocks the fact is in the log already, by its identity."""
    if not late:
        return frozenset()
    identities = {
        Fact(signal, clock.tells, clock.timer.due_at, "").id(shop.id): clock.tells for clock in late
    }  # fmt: skip
    known = connection.scalars(_KNOWN, {"shop_id": shop.id, "ids": list(identities)})
    return frozenset(identities[event_id] for event_id in known)


_KNOWN = text("SELECT id FROM events WHERE shop_id = :shop_id AND id = ANY(CAST(:ids AS uuid[]))")
