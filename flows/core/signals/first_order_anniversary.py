"""It is a year, or another year, since a person's first order, at the same time of day where they live.

Of an order on 29 February it is 28 February in years without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flows.core import calendar
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person, orders_of_person
from flows.core.signals.signal import Anchor, ArmTimer, Derived, Past, PastClock, Signal, SignalSettings

NAME = "first_order_anniversary"


def _moment(first: datetime, years: int, where: ZoneInfo) -> datetime:
    local = first.astimezone(where)
    return calendar.at_wall_time(calendar.in_year(local.date(), local.year + years), local.time(), where)


def _armed(first: datetime, years: int, where: ZoneInfo) -> ArmTimer:
    moment = _moment(first, years, where)
    payload = {"first_order_at": first.isoformat(), "anchor_at": moment.isoformat(), "years": years}
    return ArmTimer(NAME, "", moment, moment, payload)


def _next(first: datetime, where: ZoneInfo, now: datetime) -> ArmTimer:
    """The first anniversary that is still to come."""
    years = max(1, now.astimezone(where).year - first.astimezone(where).year)
    return _armed(first, years if _moment(first, years, where) > now else years + 1, where)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    first = orders_of_person.before(event, facts) == 0
    if not first or NAME not in settings.heard or not settings.counts(event.props):
        return Derived()
    return Derived(arm=(_next(event.occurred_at, calendar.zone_of(facts), now),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    found = lookup(facts, "person.first_order_at")
    if not isinstance(found, str):
        return Derived()
    first, where = datetime.fromisoformat(found), calendar.zone_of(facts)
    if first != datetime.fromisoformat(payload["first_order_at"]):
        # An earlier order has become known since.
        return Derived(arm=(_next(first, where, now),))
    years, told_at = payload["years"], datetime.fromisoformat(payload["anchor_at"])
    told = once_for_a_person.new(NAME, told_at, facts, str(years), {"years": years, "first_order_at": found})
    return Derived((told,), arm=(_next(first, where, max(now, told_at)),))


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    timer = _next(anchor.at, calendar.zone(anchor.zone), now)
    return PastClock(timer, once_for_a_person.identity(anchor.seed, str(timer.payload["years"])))


FIRST_ORDER_ANNIVERSARY = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person", "shop"}),
    props={"years": "how many years", "first_order_at": "the first order"},
    derive=derive,
    fire=fire,
    past=Past("first_order", clock),
)
