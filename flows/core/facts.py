"""Facts: what is known when something is decided, as nested plain data by family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Facts = Mapping[str, Any]
"""``{"person": {...}, "shop": {...}, "event": {...}, ...}``: JSON values, dates as ISO 8601 text.

A family or a path that is absent means *cannot tell*; ``None`` means *known to be empty*.
"""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def lookup(facts: Facts, path: str) -> Any:
    """The value at a dotted path such as ``person.consent.email``, or MISSING when any part of it is absent.

    ``None`` on the way (``event.address.city`` without an address) gives ``None``: known to be empty.
    """
    value: Any = facts
    for part in path.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping) or part not in value:
            return MISSING
        value = value[part]
    return value


def family(path: str) -> str:
    """The family that a path belongs to: what a step lists in its needs."""
    return path.partition(".")[0]
