"""What a person had ordered before this order, for the signals that tell the first, the fifth or the dearest order from
the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from flows.core.facts import MISSING, Facts, lookup
from flows.core.model import Event
from flows.core.operands import CannotCompare, number
from flows.core.signals.signal import Derived, NewEvent, SignalSettings

PROPS: Mapping[str, str] = {
    "order_id": "the order",
    "order_name": "its name, e.g. #1001",
    "total": "its total",
    "currency": "its currency",
    "checkout_token": "the checkout it came from",
    "delivery_method": "how it reaches the customer, when that can be told: delivery, pick_up or none",
}


def before(event: Event, facts: Facts) -> int | None:
    """None when it cannot be told. What the event itself carries is exact; the person's count may already
    include an order that came right behind."""
    carried = event.props.get("orders_before")
    if isinstance(carried, int):
        return carried
    count = lookup(facts, "person.orders_count")
    return count - 1 if isinstance(count, int) and count > 0 else None


def which(event: Event, facts: Facts, settings: SignalSettings) -> int | None:
    """Which order of the person it is, the first 1; None for one that does not count, or when it cannot be told."""
    earlier = before(event, facts)
    return earlier + 1 if earlier is not None and settings.counts(event.props) else None


def numbers(default: Sequence[int], about: str) -> fields.List[Any]:
    """Some numbers of orders, as a shop sets them; `default`: when none are set."""
    one = fields.Integer(strict=True, validate=validate.Range(min=1, max=100_000))
    return fields.List(
        one,
        load_default=lambda: list(default),
        validate=validate.Length(max=50),
        metadata={"description": about},
    )


def worth(event: Event, facts: Facts) -> Decimal | None:
    """The total of the order in the shop's currency; None when it cannot be told."""
    own, currency = lookup(facts, "shop.currency"), event.props.get("currency")
    if own is not MISSING and currency is not None and currency != own:
        return None
    try:
        return number(event.props.get("total"))
    except CannotCompare:
        return None


def spent_before(event: Event) -> Decimal | None:
    """What the person had spent before this order, in the shop's currency; None when it cannot be told."""
    try:
        return number(event.props.get("spent_before"))
    except CannotCompare:
        return None


def told(name: str, event: Event, settings: SignalSettings) -> Derived:
    """The signal `name` about the order of `event`, if that order counts."""
    if not settings.counts(event.props):
        return Derived()
    return Derived((NewEvent(name, event.occurred_at, event.subject, event.key, f"event:{event.id}", props(event)),))


def props(event: Event) -> dict[str, Any]:
    """What the signals about an order tell of it."""
    return {field: event.props[field] for field in PROPS if field in event.props}
