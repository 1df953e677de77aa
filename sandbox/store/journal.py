"""The append-only log by which an outside checker judges what happened."""

from __future__ import annotations

import threading
from typing import Any

from sandbox.clock import Clock


class Journal:
    """Entries are dicts with `seq` (from 1), `kind`, `real` and `at` (real and business unix seconds)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def append(self, kind: str, *, real: float | None = None, at: float | None = None, **facts: Any) -> int:
        """Add an entry and return its `seq`. `real` and `at` default to now."""
        with self._lock:
            entry = {
                "seq": len(self._entries) + 1,
                "kind": kind,
                "real": self._clock.real() if real is None else real,
                "at": self._clock.now() if at is None else at,
                **facts,
            }
            self._entries.append(entry)
            return entry["seq"]

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def since(self, seq: int, limit: int | None = None) -> list[dict[str, Any]]:
        """Entries after `seq`, oldest first."""
        with self._lock:
            end = None if limit is None else seq + limit
            return self._entries[seq:end]
