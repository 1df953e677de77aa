"""What changed of where somebody stands in the loyalty programme, for the signals that are derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person
from flows.core.signals.signal import Anchor, ArmTimer, Derived, NewEvent, PastClock, SignalSettings

CHANGED = frozenset({"loyalty_changed"})
STANDING: Mapping[str, str] = {
    "points": "how many points they have",
    "tier": "their tier",
    "reward": "a reward that waits for them",
    "expires_at": "until when points, tier or reward are good",
}

REASON: Mapping[str, str] = {"reason": "what for, when a flow did it and says so"}


def change(event: Event, field: str) -> tuple[Any, Any] | None:
    """(before, now) of a field; None when it has not changed, or what was before is not known."""
    before = event.props.get("before")
    if not isinstance(before, Mapping) or field not in before or before[field] == event.props.get(field):
        return None
    return before[field], event.props.get(field)


def told(name: str, event: Event, **props: Any) -> Derived:
    """The signal `name` about the change of `event`, with these properties and the standing."""
    standing = {field: event.props[field] for field in (*STANDING, *REASON) if field in event.props}
    new = NewEvent(name, event.occurred_at, event.subject, event.key, f"event:{event.id}", {**standing, **props})
    return Derived((new,))


def moved(event: Event, settings: SignalSettings) -> tuple[str | None, str, int] | None:
    """(the tier before, the tier now, by how many tiers up) of a change from one tier to another; None where that
    cannot be told. Whoever had none before has come up by one."""
    found = change(event, "tier")
    if found is None or found[1] is None:
        return None
    before, now = found
    ranks = settings.loyalty.rank(before), settings.loyalty.rank(now)
    if before is None:
        return before, now, 1
    return None if ranks[0] is None or ranks[1] is None else (before, now, ranks[1] - ranks[0])


# Clocks that ring some days before what somebody has ends.


def _armed(name: str, ends: datetime, days: int, lowest: str | None, now: datetime) -> ArmTimer:
    """At once where the days have begun. `lowest`: the programme's lowest tier, below which nobody falls."""
    moment = max(ends - timedelta(days=days), now)
    payload = {"expires_at": ends.isoformat(), "anchor_at": moment.isoformat(), "days": days, "lowest": lowest}
    return ArmTimer(name, "", moment, moment, payload)


def arm(name: str, event: Event, settings: SignalSettings, now: datetime) -> Derived:
    """The clock `name` for the end that the event tells, if anybody hears of it."""
    ends = event.props.get("expires_at")
    if name not in settings.heard or not isinstance(ends, str) or datetime.fromisoformat(ends) <= now:
        return Derived()
    return Derived(arm=(clock(name, datetime.fromisoformat(ends), settings, now),))


def clock(name: str, ends: datetime, settings: SignalSettings, now: datetime) -> ArmTimer:
    programme = settings.loyalty
    lowest = programme.tiers[0].name if programme.tiers else None
    return _armed(name, ends, programme.risk_days, lowest, now)


def past(name: str, anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    """The clock of somebody who was there before; none when it is over."""
    if anchor.at <= now:
        return None
    tells = once_for_a_person.identity(anchor.seed, anchor.at.isoformat())
    return PastClock(clock(name, anchor.at, settings, now), tells)


def rung(name: str, payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    """The signal `name`, unless the end has moved since, when the clock is set anew, or is over."""
    found = lookup(facts, "person.loyalty.expires_at")
    if not isinstance(found, str) or (ends := datetime.fromisoformat(found)) <= now:
        return Derived()
    if ends != datetime.fromisoformat(payload["expires_at"]):
        again = _armed(name, ends, payload["days"], payload["lowest"], now)
        return rung(name, again.payload, facts, now) if again.due_at <= now else Derived(arm=(again,))
    moment = datetime.fromisoformat(payload["anchor_at"])
    if moment > now:
        return Derived(arm=(ArmTimer(name, "", moment, moment, payload),))
    standing = lookup(facts, "person.loyalty")
    props = {field: standing[field] for field in STANDING if field in standing} | {"days_left": (ends - now).days}
    return Derived((once_for_a_person.new(name, moment, facts, ends.isoformat(), props),))
