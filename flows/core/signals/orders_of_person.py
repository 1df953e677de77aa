"""How many orders a person had before this one, for the signals that tell the first from the others."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.signal import Derived, NewEvent, SignalSettings

PROPS: Mapping[str, str] = {
    "order_id": "the order",
    "order_name": "its name, e.g. #1001",
    "total": "its total",
    "currency": "its currency",
    "checkout_token": "the checkout it came from",
}


def before(event: Event, facts: Facts) -> int | None:
    """None when it cannot be told. What the event itself carries is exact; the person's count may already
    include an order that came right behind."""
    carried = event.props.get("orders_before")
    if isinstance(carried, int):
        return carried
    count = lookup(facts, "person.orders_count")
    return count - 1 if isinstance(count, int) and count > 0 else None


def told(name: str, event: Event, settings: SignalSettings) -> Derived:
    """The signal `name` about the order of `event`, if that order counts."""
    if not settings.counts(event.props):
        return Derived()
    props = {field: event.props[field] for field in PROPS if field in event.props}
    return Derived((NewEvent(name, event.occurred_at, event.subject, event.key, f"event:{event.id}", props),))
