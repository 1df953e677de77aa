"""Somebody has come close to the next tier.

Once for each climb: it is told when the points rise above the border of being close, and again only when they have
fallen below it and risen anew."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import loyalty_of_person as loyalty
from flows.core.signals.signal import Derived, Signal, SignalSettings

NAME = "close_to_upgrade"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    found = loyalty.change(event, "points")
    if found is None or found[1] is None:
        return Derived()
    before, points = found[0] or 0, found[1]
    following = settings.loyalty.next_above(points, event.props.get("tier"))
    if following is None:
        return Derived()
    border = following.points * (100 - settings.loyalty.close_percent) / 100
    if not before < border <= points:
        return Derived()
    return loyalty.told(NAME, event, next_tier=following.name, missing=following.points - points)


CLOSE_TO_UPGRADE = Signal(
    name=NAME,
    about=__doc__,
    listens=loyalty.CHANGED,
    needs=frozenset(),
    props={**loyalty.STANDING, "next_tier": "the next tier", "missing": "how many points they lack"},
    derive=derive,
    buying=True,
)
