from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.favourites.get("product_type") or known.favourites.get("collection")


VALUE = Value(
    "favourite_category",
    "the product type that they bought most of; the collection where products have no type",
    "text",
    _of,
    needs="favourites",
    profiling=True,
)
