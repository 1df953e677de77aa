from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.orders.last_code


VALUE = Value(
    "last_coupon",
    "the discount code that was used last",
    "text",
    _of,
    needs="orders",
)
