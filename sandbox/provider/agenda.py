"""What is still to happen, on the business clock: the one queue of everything that people do by themselves."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable


class Agenda:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        # One runs what is due at a time: `advance` must not return while the ticker is in the middle of an
        # action.
        self._turn = threading.Lock()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._tie = itertools.count()

    def plan(self, at: float, action: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._due, (at, next(self._tie), action))

    def next_at(self) -> float | None:
        """Business time of the next action, None if nothing is planned."""
        with self._lock:
            return self._due[0][0] if self._due else None

    def run_due(self, now: float) -> int:
        """Do every action due at `now`, in order of time; answers how many."""
        done = 0
        with self._turn:
            while True:
                with self._lock:
                    if not self._due or self._due[0][0] > now:
                        return done
                    action = heapq.heappop(self._due)[2]
                action()
                done += 1
