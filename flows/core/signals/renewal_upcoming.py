"""A subscription of somebody renews or ends in some days (the setting `signals.renewal_upcoming.days_before`).

Each of these days is told once for a renewal. Subscriptions are told by the events API, because the store shows an app
its own ones only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.signal import Anchor, ArmTimer, Derived, NewEvent, Past, PastClock, Signal, SignalSettings

NAME = "renewal_upcoming"
TELLING = frozenset({"subscription_started", "subscription_renewed", "subscription_changed"})
_COPIED = ("plan", "product_id")


class RenewalUpcomingSchema(Schema):
    days_before = fields.List(
        fields.Integer(strict=True, validate=validate.Range(min=0, max=365)),
        load_default=lambda: [7],
        validate=validate.Length(min=1, max=10),
        metadata={"description": "how many days before it is told; each is told by itself"},
    )


def _armed(subscription: str, renews_at: datetime, days: int) -> ArmTimer:
    moment = renews_at - timedelta(days=days)
    payload = {"subscription": subscription, "days_before": days, "anchor_at": moment.isoformat()}
    return ArmTimer(NAME, f"{subscription}:{days}", moment, moment, payload)


def _of_all(subscription: str, renews_at: datetime, settings: SignalSettings) -> dict[str, ArmTimer]:
    """The clocks of a renewal, by their keys."""
    days = settings.chosen(NAME, RenewalUpcomingSchema)["days_before"]
    clocks = (_armed(subscription, renews_at, one) for one in sorted(set(days)))
    return {timer.key: timer for timer in clocks}


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    """A day that has passed already is told no more."""
    renews = event.props.get("renews_at")
    if not isinstance(renews, str):
        return Derived()
    clocks = _of_all(event.props["subscription"], datetime.fromisoformat(renews), settings)
    return Derived(arm=tuple(timer for timer in clocks.values() if timer.due_at > now))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    held = lookup(facts, "subscription")
    if not isinstance(held, Mapping) or not held["active"] or held["renews_at"] is None:
        return Derived()
    subscription, days = payload["subscription"], payload["days_before"]
    renews_at = datetime.fromisoformat(held["renews_at"])
    timer = _armed(subscription, renews_at, days)
    if timer.due_at > now:
        # It has been renewed since, or put off.
        return Derived(arm=(timer,))
    if renews_at <= now and days:
        return Derived()
    props = {
        "subscription": subscription,
        "renews_at": renews_at.isoformat(),
        "days_before": days,
        **{field: held.get(field) for field in _COPIED},
    }
    subject, identity = f"person:{lookup(facts, 'person.id')}", _identity(subscription, renews_at, days)
    return Derived((NewEvent(NAME, timer.due_at, subject, subscription, identity, props),))


def _identity(subscription: str, renews_at: datetime, days: int) -> str:
    return f"subscription:{subscription}:{renews_at.isoformat()}:{days}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    """Of an anchor whose key is the subscription and the days before, and whose moment is the renewal."""
    subscription, _, days = anchor.key.rpartition(":")
    timer = _of_all(subscription, anchor.at, settings).get(anchor.key)
    return None if timer is None else PastClock(timer, _identity(subscription, anchor.at, int(days)))


RENEWAL_UPCOMING = Signal(
    name=NAME,
    about=__doc__,
    listens=TELLING,
    needs=frozenset({"person", "subscription"}),
    props={
        "subscription": "the other system's number of it; the usual key of a flow",
        "renews_at": "when it renews or ends",
        "days_before": "in how many days that is",
        "plan": "what the other system calls it",
        "product_id": "the product that it brings, when that was told",
    },
    derive=derive,
    fire=fire,
    buying=True,
    # A reminder that comes after the day is of no use.
    past=Past("renewals", clock, late=False),
    settings=RenewalUpcomingSchema,
    only_heard=True,
)
