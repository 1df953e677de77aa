from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> float | None:
    orders = known.orders
    if orders.count < 2 or orders.first_at is None or orders.last_at is None:
        return None
    return round((orders.last_at - orders.first_at).total_seconds() / 86_400 / (orders.count - 1), 1)


VALUE = Value(
    "days_between_orders",
    "how many days pass between two orders of theirs on average",
    "float",
    _of,
    needs="orders",
)
