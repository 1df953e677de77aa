"""Somebody searched the store and ordered nothing for a while (`after`, else a day).

The clock runs from their last search, which is the one that is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import since_last
from flows.core.signals.signal import Derived, Signal, SignalSettings
from flows.core.signals.thresholds import armed

NAME = "search_without_purchase"
DEFAULT = timedelta(days=1)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    return Derived(arm=(armed(NAME, "", event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    search, searched_at = lookup(facts, "looks.search"), since_last.moment(facts, "looks.search.at")
    if not isinstance(search, Mapping) or searched_at is None:
        return Derived()
    timer = since_last.standing(NAME, payload, searched_at)
    ordered = since_last.moment(facts, "person.last_order_at")
    if ordered is not None and ordered >= timer.anchor_at:
        return Derived()
    return since_last.told(timer, facts, now, {"query": search.get("query"), "results": search.get("results")})


SEARCH_WITHOUT_PURCHASE = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"searched"}),
    needs=frozenset({"person", "activity"}),
    props={
        "query": "what they searched for",
        "results": "how many results there were, when that is known",
        "anchor_at": "when they searched: what “from trigger” counts from",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    only_heard=True,
)
