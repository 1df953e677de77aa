from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> int | None:
    return known.orders.newest.id if known.orders.newest else None


VALUE = Value(
    "last_order_id",
    "the store's id of the newest order",
    "text",
    _of,
    needs="orders",
)
