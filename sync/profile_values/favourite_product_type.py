from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.favourites.get("product_type")


VALUE = Value(
    "favourite_product_type",
    "the product type that they bought most of",
    "text",
    _of,
    needs="favourites",
    profiling=True,
)
