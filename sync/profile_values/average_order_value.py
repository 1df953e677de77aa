from __future__ import annotations

from decimal import Decimal

from sync.profile_values.value import Known, Value


def _of(known: Known) -> Decimal | None:
    count = known.person["orders_count"]
    return (known.person["total_spent"] / count).quantize(Decimal("0.01")) if count else None


VALUE = Value(
    "average_order_value",
    "what an order of theirs comes to on average, in the shop's currency",
    "float",
    _of,
)
