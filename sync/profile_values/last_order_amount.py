from __future__ import annotations

from decimal import Decimal

from sync.profile_values.value import Known, Value


def _of(known: Known) -> Decimal | None:
    return known.orders.newest.total if known.orders.newest else None


VALUE = Value(
    "last_order_amount",
    "what the newest order comes to, in the shop's currency",
    "float",
    _of,
    needs="orders",
)
