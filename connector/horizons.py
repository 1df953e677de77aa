"""From which moment on to look for what is due, so that a look does not go through all that was due before.

A row that was acted on stays in the index of what is due until nobody can see it any more. While another connection
holds a snapshot (a report, a dump) nothing goes, and looking from the beginning takes longer with every batch. So each
process remembers where it last found something and begins there. What was left behind that, because somebody held it or
because it was put there for a moment already past, is found by looking at everything: for a twentieth of the time at
most, and whenever nothing is found otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from connector.clock import monotonic

_SHARE = 20.0


@dataclass
class _Seen:
    since: datetime
    whole_again: float


@dataclass
class Horizons:
    """What one process remembers, by shop."""

    _seen: dict[int, _Seen] = field(default_factory=dict)

    def of(self, shop_id: int) -> datetime | None:
        """Where to begin; None: at the beginning."""
        seen = self._seen.get(shop_id)
        return None if seen is None or monotonic() >= seen.whole_again else seen.since

    def found(self, shop_id: int, first: datetime, *, whole: bool, took: float) -> None:
        """The earliest that a look has found, and how many machine seconds it took; ``whole``: it was at everything."""
        seen = self._seen.setdefault(shop_id, _Seen(first, 0.0))
        seen.since = first
        if whole:
            seen.whole_again = monotonic() + took * _SHARE
