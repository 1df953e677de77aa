"""Rings bells beside the requests: an acknowledgement never waits for Redis.

The hand-off is a small set, so that many deliveries of one shop ring once and a Redis that hangs costs no
memory. A bell that is dropped is found by the sweeper.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from connector.clock import pause
from connector.crashpoints import reach

# Different (kind, shop) pairs that may wait; far more than ring in a second.
CAPACITY = 1000
# Machine time between two rounds. Under load there is always another delivery, and ringing for each of them would
# take a fifth of the process; a worker that answers a bell takes whatever is there.
ROUND_SECONDS = 0.02
STOP_SECONDS = 2.0


class Counts(Protocol):
    """What the ringer tells of itself."""

    def bell(self, outcome: str) -> None: ...


class Ringer:
    """``ring(kind, shop_id)`` says whether the bell rang (connector.queue.bells.ring)."""

    def __init__(self, ring: Callable[[str, int], bool], counts: Counts) -> None:
        self._ring = ring
        self._counts = counts
        self._waiting: set[tuple[str, int]] = set()
        self._arrived = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="bell-ringer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hand_off(self, kind: str, shop_id: int) -> None:
        """Have the bell rung soon. Never waits, never raises."""
        if (kind, shop_id) in self._waiting:
            # It is rung after this moment, also when its round begins just now.
            return
        with self._arrived:
            if len(self._waiting) < CAPACITY:
                self._waiting.add((kind, shop_id))
                self._arrived.notify()
                return
        self._counts.bell("dropped")

    def stop(self) -> None:
        """Ring what waits and end."""
        with self._arrived:
            self._ending = True
            self._arrived.notify()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    return
                waiting, self._waiting = self._waiting, set()
            reach("t1.ringing")
            for kind, shop_id in sorted(waiting):
                try:
                    rung = self._ring(kind, shop_id)
                except Exception:
                    # Whatever a bell may raise: the next one must ring.
                    rung = False
                self._counts.bell("rung" if rung else "silent")
            pause(ROUND_SECONDS)
