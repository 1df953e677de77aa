from __future__ import annotations

from sync.profile_values.value import Known, Value


def _of(known: Known) -> str | None:
    return known.favourites.get("vendor")


VALUE = Value(
    "favourite_vendor",
    "the vendor whose products they bought most of",
    "text",
    _of,
    needs="favourites",
    profiling=True,
)
