"""Playing the plan of shoppers against the business clock, by steps or by itself."""

from __future__ import annotations

import bisect
import itertools
import logging
import threading
from typing import Any

from sandbox.clock import Clock
from sandbox.store.actions import Actions, BadAction
from sandbox.store.deliveries import Deliveries, Webhook
from sandbox.store.journal import Journal
from sandbox.store.shoppers import Planned

log = logging.getLogger("sandbox.store")

# Real seconds between two looks of a schedule that plays by itself.
PLAY_SECONDS = 0.05


class Schedule:
    """The planned actions not yet done. One caller at a time moves it on."""

    def __init__(
        self, planned: list[Planned], actions: Actions, deliveries: Deliveries, clock: Clock, journal: Journal
    ) -> None:
        self._planned = planned
        self._actions = actions
        self._deliveries = deliveries
        self._clock = clock
        self._journal = journal
        self._done = 0
        self._moving = threading.Lock()
        self._changing = threading.Lock()
        self._places = itertools.count(len(planned) + 1)

    def add(self, at: float, shop: str, action: str, arguments: dict[str, Any]) -> None:
        """Plan one more action, for a business time that has not come yet."""
        planned = Planned(at, next(self._places), shop, action, arguments)
        with self._changing:
            bisect.insort(self._planned, planned, lo=self._done, key=lambda one: (one.at, one.place))

    def next_at(self) -> float | None:
        """Business time of the next action or held webhook; None when nothing is left."""
        planned = self._planned[self._done].at if self._done < len(self._planned) else None
        held = self._deliveries.next_due()
        return min((at for at in (planned, held) if at is not None), default=None)

    def remaining(self) -> int:
        return len(self._planned) - self._done

    def advance(self, timeout: float) -> dict[str, Any]:
        """Do all that is due and wait up to `timeout` real seconds for the webhooks' first answers."""
        with self._moving:
            now = self._clock.now()
            webhooks = self._deliveries.release_due(now)
            did = 0
            while self._done < len(self._planned) and self._planned[self._done].at <= now:
                webhooks += self._do(self._planned[self._done])
                self._done += 1
                did += 1
            sent = [webhook for webhook in webhooks if webhook.state != "held"]
            answered = self._deliveries.wait_answered(sent, timeout)
        acknowledged = sum(webhook.state == "acknowledged" for webhook in sent)
        return {
            "now": now,
            "actions": did,
            "webhooks": len(sent),
            "acknowledged": acknowledged,
            "unacknowledged": len(sent) - acknowledged,
            "all_answered": answered,
        }

    def play(self) -> None:
        """Follow the clock from a thread of its own, for a clock that moves by itself."""
        threading.Thread(target=self._follow, name="shoppers", daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                self.advance(timeout=0.0)
            except Exception:
                # A fault in one step must not end the shop's life; it is in the log for whoever looks.
                log.exception("the schedule stumbled")
            self._clock.pause(PLAY_SECONDS)

    def _do(self, planned: Planned) -> list[Webhook]:
        try:
            return self._actions.perform(planned.action, planned.arguments | {"shop": planned.shop})[1]
        except BadAction as problem:
            # Somebody acted by hand in between, such as completing a checkout that the plan completes later.
            facts: dict[str, Any] = {"shop": planned.shop, "action": planned.action, "reason": str(problem)}
            self._journal.append("skipped", **facts)
            return []
