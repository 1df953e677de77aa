"""In which states of a shop each kind of work is done."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# What is not named here, while it is active. A shop that is installed is taken in, and waits for Brevo; one that was
# left still hears that it is to be erased.
_WHILE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "intake": frozenset({"active", "installed", "uninstalled"}),
        "fetch": frozenset({"active", "installed"}),
        "flows": frozenset({"active", "installed"}),
        "tokens": frozenset({"active", "installed", "paused"}),
        "backfill": frozenset({"active", "installed"}),
        "closing": frozenset({"uninstalled"}),
        "figures": frozenset({"active", "installed", "paused"}),
        "privacy": frozenset({"active", "installed", "paused", "uninstalled"}),
    }
)


def states_for(kind: str) -> frozenset[str]:
    """The states of a shop in which this kind of work is done."""
    return _WHILE.get(kind, frozenset({"active"}))
