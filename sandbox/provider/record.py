"""The append-only log: what a checker outside of every process under test counts.

Each entry has `seq` (from 1, in the order of acceptance) and `kind`: `request`, `email` (one for each
recipient of each accepted message), `event`, `recipient` (an action of a simulated recipient), `webhook`
(one for each delivery attempt), `confirmation` (a double opt-in mail), `visit` (a recipient followed an
unsubscribe link), `import`, `automation` (an order that is no history sets off the automations that wait for orders).
"""

from __future__ import annotations

import threading
from typing import Any


class Record:
    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def add(self, kind: str, **fields: Any) -> None:
        with self._lock:
            self._entries.append({"seq": len(self._entries) + 1, "kind": kind, **fields})

    def since(self, seq: int, kinds: frozenset[str] = frozenset()) -> tuple[list[dict[str, Any]], int]:
        """Entries after `seq` (of `kinds`, all if empty) and the number to ask with next time."""
        with self._lock:
            fresh, last = self._entries[max(seq, 0) :], len(self._entries)
        return [entry for entry in fresh if not kinds or entry["kind"] in kinds], last
