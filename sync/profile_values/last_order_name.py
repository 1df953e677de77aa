from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.orders.newest.name if known.orders.newest else None


VALUE = Value(
    "last_order_name",
    "the name of the newest order, e.g. #1001",
    "text",
    _of,
    needs="orders",
)
