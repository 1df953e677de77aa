"""The parts of the simulated provider, put together."""

from __future__ import annotations

import threading

from sandbox.clock import Clock
from sandbox.provider.accounts import Accounts
from sandbox.provider.deliveries import Deliveries
from sandbox.provider.faults import Faults
from sandbox.provider.recipients import Recipients
from sandbox.provider.record import Record
from sandbox.provider.webhooks import Webhooks

TICK_SECONDS = 0.05


class Platform:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.record = Record()
        self.accounts = Accounts()
        self.faults = Faults()
        self.deliveries = Deliveries(clock, self.record)
        self.webhooks = Webhooks(self.deliveries)
        self.recipients = Recipients(clock, self.record, self.webhooks, self.deliveries)

    def keep_pace(self) -> None:
        """Let recipients act by themselves as business time passes, without `advance`."""
        threading.Thread(target=self._tick, name="recipients", daemon=True).start()

    def _tick(self) -> None:
        while True:
            self.recipients.run_due(self.clock.now())
            self.clock.pause(TICK_SECONDS)
