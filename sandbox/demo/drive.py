"""Driving the days: from one moment at which something is due to the next, never before everything of now is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from sandbox.clock import write_clock_file
from sandbox.demo.outage import Outage
from sandbox.demo.stage import REAL, Stage

# Business seconds between stops at least: what shoppers do meanwhile is done, in order, at the next one.
STEP = 1800.0
# Nobody minds when exactly a message is read: recipients act at the next stop, if one comes within this time.
READING_MAY_WAIT = 3600.0
BUSY_SECONDS = 60.0
# Business seconds; the product keeps deliveries longer than that.
ASKED_EVERY = 10 * 86400.0
DRAIN_SECONDS = 60.0
# An answer that came later than this was waited for.
QUICK_SECONDS = 0.007

Progress = Callable[[float, int], None]


class Stuck(Exception):
    """The product did not finish what was due."""


@dataclass
class Driver:
    """Moves the clock of a stage from ``start`` to ``end`` (business time, unix seconds)."""

    stage: Stage
    start: float
    end: float
    outage: Outage
    stops: int = 0
    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """{shop: what was missed in the outage}, once it is over."""
    became: dict[str, dict[str, str]] = field(default_factory=lambda: {"shopify": {}, "brevo": {}})
    """{source: {delivery: the state that it was last seen in}}."""
    _asked: float = 0.0

    def play(self, progress: Progress) -> None:
        """Play everything that happens until ``end``; then wait until the provider has been told everything."""
        now = self.start
        self._finish_now()
        while (due := self._next_due()) is not None and due <= self.end:
            # Onto the grid, so that a day has few stops; nothing is done before it is due.
            now = min(max(self._grid(due), now + STEP), self.end)
            if now > self.outage.begin and not self.reports:
                now = self._miss_some_of_it(now)
            else:
                self._stop_at(now)
            progress(now, self.stops)
        if now < self.end:
            self._stop_at(self.end)
        self._drain()
        self._ask_what_became()
        progress(self.end, self.stops)

    def _miss_some_of_it(self, now: float) -> float:
        """The outage, and what the product finds that it missed; returns when that was."""
        self.outage.play(self.stage, STEP)
        now = max(now, self.outage.end)
        self._stop_at(now)
        self.reports = self.outage.report(self.stage)
        self._finish_now()
        return now

    def _grid(self, moment: float) -> float:
        return self.start + ceil((moment - self.start) / STEP) * STEP

    def _stop_at(self, moment: float) -> None:
        write_clock_file(self.stage.clock_file, moment)
        self.stops += 1
        self._finish_now()
        if moment - self._asked > ASKED_EVERY:
            self._asked = moment
            self._ask_what_became()

    def _finish_now(self) -> None:
        """Let the platforms and the product act until nobody has anything to do at this moment."""
        limit = REAL.real() + BUSY_SECONDS
        while True:
            acted = self.stage.post(f"{self.stage.store_url}/_control/advance").get("webhooks", 0)
            acted += self.stage.post(f"{self.stage.provider_url}/_control/advance").get("done", 0)
            waited = self._wait_until_idle(limit)
            if not acted and not waited:
                return

    def _ask_what_became(self) -> None:
        """What became of each delivery: the product forgets them after a while."""
        for source, known in self.became.items():
            found = self.stage.get(f"{self.stage.product_url}/development/inbox", source=source)
            known |= {delivery: state for state, deliveries in found.items() for delivery in deliveries}

    def _wait_until_idle(self, limit: float) -> bool:
        """Wait until the product is idle; whether there was something to wait for."""
        waited = False
        while True:
            began = REAL.real()
            work = self._work(wait=5.0)
            waited = waited or REAL.real() - began > QUICK_SECONDS
            if not work["busy"] and not self._deliveries():
                return waited
            waited = True
            if REAL.real() > limit:
                raise Stuck(f"not idle after {BUSY_SECONDS:.0f} s: {work}; see {self.stage.folder}")

    def _deliveries(self) -> int:
        return int(self.stage.get(f"{self.stage.provider_url}/_control/idle")["pending_deliveries"])

    def _work(self, wait: float = 0.0) -> dict[str, object]:
        work: dict[str, object] = self.stage.get(f"{self.stage.product_url}/development/work", wait=wait)
        return work

    def _next_due(self) -> float | None:
        recipients = self.stage.get(f"{self.stage.provider_url}/_control/next")["at"]
        asked = (
            self._work()["next_due_at"],
            self.stage.get(f"{self.stage.store_url}/_control/next")["at"],
            None if recipients is None else recipients + READING_MAY_WAIT,
        )
        known = [float(str(at)) for at in asked if at is not None]
        return min(known, default=None)

    def _drain(self) -> None:
        limit = REAL.real() + DRAIN_SECONDS
        while self._work()["telling"] and REAL.real() < limit:
            REAL.pause(0.05)
