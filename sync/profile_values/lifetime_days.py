from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> int | None:
    first, last = known.person["first_order_at"], known.person["last_order_at"]
    return (last - first).days if first and last else None


VALUE = Value(
    "lifetime_days",
    "how many days lie between the first order and the last",
    "float",
    _of,
)
