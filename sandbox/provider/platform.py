"""The parts of the simulated provider, put together."""

from __future__ import annotations

import threading

from sandbox.clock import Clock
from sandbox.provider.access.credentials import Credentials
from sandbox.provider.access.oauth import Oauth
from sandbox.provider.accounts import Accounts
from sandbox.provider.agenda import Agenda
from sandbox.provider.campaigns import Campaigns
from sandbox.provider.faults import Faults
from sandbox.provider.imports.calls import Importer
from sandbox.provider.phone.readers import Readers
from sandbox.provider.recipients import Recipients
from sandbox.provider.record import Record
from sandbox.provider.webhooks.deliveries import Deliveries
from sandbox.provider.webhooks.routing import Webhooks

TICK_SECONDS = 0.05


class Platform:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        # Where this server is found; it is told when it listens.
        self.address = ""
        self.record = Record()
        self.accounts = Accounts()
        self.credentials = Credentials()
        self.oauth = Oauth(self)
        self.faults = Faults()
        self.agenda = Agenda()
        self.deliveries = Deliveries(clock, self.record)
        self.importer = Importer(self)
        self.webhooks = Webhooks(self.agenda, self.record, self.deliveries)
        self.recipients = Recipients(clock, self.agenda, self.record, self.webhooks, self.deliveries)
        self.readers = Readers(self)
        self.campaigns = Campaigns(self)

    def keep_pace(self) -> None:
        """Let recipients act by themselves as business time passes, without `advance`."""
        threading.Thread(target=self._tick, name="recipients", daemon=True).start()

    def _tick(self) -> None:
        while True:
            self.agenda.run_due(self.clock.now())
            self.clock.pause(TICK_SECONDS)
