"""Somebody has shown no sign of life for a while (`after`, else 90 days): no click, no order, no visit, no login.

Opens do not count, because a mail program may have made them. The clock runs from the last sign, or from when somebody
subscribed who never gave one, and starts again with every sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.behaviour_events import ENGAGED
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import since_last
from flows.core.signals.signal import Anchor, Derived, Past, PastClock, Signal, SignalSettings
from flows.core.signals.thresholds import armed, last_passed

NAME = "unengaged"
DEFAULT = timedelta(days=90)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    return Derived(arm=(armed(NAME, "", event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    timer = since_last.standing(NAME, payload, since_last.moment(facts, "activity.last_engaged_at"))
    last = lookup(facts, "activity.last_engaged_at")
    return since_last.told(timer, facts, now, {"last_engaged_at": last if isinstance(last, str) else None})


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    place = last_passed(anchor.at, seconds, now)
    timer = armed(NAME, "", anchor.at, seconds, place)
    return PastClock(timer, since_last.identity(anchor.seed, anchor.at, seconds[place]))


UNENGAGED = Signal(
    name=NAME,
    about=__doc__,
    listens=ENGAGED | {"newsletter_subscribed"},
    needs=frozenset({"person", "activity"}),
    props={
        "last_engaged_at": "their last sign of life; empty of somebody who never gave one",
        "anchor_at": "what “from trigger” counts from: that sign, or later for somebody who was armed late",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    past=Past("last_sign", clock),
    only_heard=True,
)
