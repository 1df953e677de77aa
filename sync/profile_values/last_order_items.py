from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> list[str] | None:
    return list(known.orders.newest.titles) or None if known.orders.newest else None


VALUE = Value(
    "last_order_items",
    "the titles of what is in the newest order, a list",
    "text",
    _of,
    needs="orders",
)
