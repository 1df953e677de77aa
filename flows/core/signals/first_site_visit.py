"""Somebody was in the store's pages for the first time, as far as this can be seen. Once for a person.

Whoever had ordered before has been there before. A visitor who is nobody yet is told of when it becomes known who it
was, up to seven days later.
"""

from __future__ import annotations

from datetime import datetime

from flows.core.behaviour_events import STOREFRONT
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person
from flows.core.signals.signal import Derived, Signal, SignalSettings
from flows.core.vocabulary_of_behaviour import PAGE

NAME = "first_site_visit"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    first = lookup(facts, "activity.first_visit_at")
    if not isinstance(first, str) or datetime.fromisoformat(first) != event.occurred_at:
        return Derived()
    ordered = lookup(facts, "person.first_order_at")
    if isinstance(ordered, str) and datetime.fromisoformat(ordered) <= event.occurred_at:
        return Derived()
    props = {field: event.props[field] for field in PAGE if field in event.props}
    return Derived((once_for_a_person.new(NAME, event.occurred_at, facts, "first visit", props),))


FIRST_SITE_VISIT = Signal(
    name=NAME,
    about=__doc__,
    listens=STOREFRONT,
    needs=frozenset({"person", "activity"}),
    props=PAGE,
    derive=derive,
    only_heard=True,
)
