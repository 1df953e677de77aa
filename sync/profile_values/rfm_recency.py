from __future__ import annotations

from flows.core.rfm import fifth
from sync.profile_values.value import Value

VALUE = Value(
    "rfm_recency",
    "how recently they bought beside the shop's other customers: 1 (the lowest fifth) to 5",
    "float",
    lambda known: fifth(known.person, known.borders, "last_order_at"),
    needs="borders",
    profiling=True,
)
