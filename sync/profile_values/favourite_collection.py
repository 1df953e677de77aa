from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.favourites.get("collection")


VALUE = Value(
    "favourite_collection",
    "the collection that they bought most of",
    "text",
    _of,
    needs="favourites",
    profiling=True,
)
