"""What can be wrong with flows that are active together: one module and one line here each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.core.conflicts.channels_same_day import CHANNELS_SAME_DAY
from flows.core.conflicts.conflict import Clash, Conflict, Shelf
from flows.core.conflicts.doubles import DOUBLES
from flows.core.conflicts.over_cap import OVER_CAP
from flows.core.conflicts.overlap import OVERLAP
from flows.core.conflicts.price_clash import PRICE_CLASH

__all__ = ["CONFLICTS", "Clash", "Conflict", "Shelf", "look"]

CONFLICTS: Mapping[str, Conflict] = {
    conflict.name: conflict for conflict in (OVER_CAP, CHANNELS_SAME_DAY, OVERLAP, PRICE_CLASH, DOUBLES)
}


def look(shelf: Shelf) -> Iterator[tuple[str, Clash]]:
    """Everything that flows side by side have against one another, each with the name of its check."""
    for conflict in CONFLICTS.values():
        for clash in conflict.look(shelf):
            yield conflict.name, clash
