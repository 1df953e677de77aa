"""Somebody's tier ends in some days (the shop's setting `loyalty.risk_days`, else 30), and it is not the lowest.

Told once for each end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import loyalty_of_person as loyalty
from flows.core.signals.signal import Anchor, Derived, Past, PastClock, Signal, SignalSettings

NAME = "tier_downgrade_risk"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    return loyalty.arm(NAME, event, settings, now)


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    tier = lookup(facts, "person.loyalty.tier")
    if not isinstance(tier, str) or tier.casefold() == (payload["lowest"] or "").casefold():
        return Derived()
    return loyalty.rung(NAME, payload, facts, now)


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    return loyalty.past(NAME, anchor, settings, now)


TIER_DOWNGRADE_RISK = Signal(
    name=NAME,
    about=__doc__,
    listens=loyalty.CHANGED,
    needs=frozenset({"person"}),
    props={**loyalty.STANDING, "days_left": "in how many whole days"},
    derive=derive,
    fire=fire,
    buying=True,
    past=Past("loyalty_end", clock),
)
