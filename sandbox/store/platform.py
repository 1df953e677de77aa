"""The parts of one simulated platform, put together."""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.store.actions import Actions
from sandbox.store.admin_api import AdminApi
from sandbox.store.apps import App
from sandbox.store.bulk.operation import Operation
from sandbox.store.bulk.operations import Operations
from sandbox.store.deed import Deed
from sandbox.store.deliveries import Deliveries, Webhook
from sandbox.store.faults import Faults
from sandbox.store.journal import Journal
from sandbox.store.schedule import Schedule
from sandbox.store.settings import WorldSettings
from sandbox.store.shop import Shop
from sandbox.store.shoppers import plan
from sandbox.store.token_faults import TokenFaults

API_VERSION = "2026-10"


class Platform:
    """Shops with everything around them. `public_url` is where this server is reached, no final slash."""

    api_version = API_VERSION

    def __init__(self, settings: WorldSettings, clock: Clock, public_url: str) -> None:
        self.clock = clock
        self.journal = Journal(clock)
        start = clock.now() if settings.start is None else settings.start
        self.shops = {
            shop.domain: Shop(shop, number, settings.seed, f"{public_url}/{shop.domain}", start)
            for number, shop in enumerate(settings.shops, start=1)
        }
        self.apps = {settings.app.client_id: settings.app}
        for shop in self.shops.values():
            shop.populate(start, settings.customers)
            self._install(shop, settings.app)
        self.faults = Faults(settings.seed)
        self.token_faults = TokenFaults(settings.seed)
        self.deliveries = Deliveries(settings.delivery, clock, self.journal, self._give_up)
        self.actions = Actions(self.shops, clock, self.journal, self.deliveries, self.faults)
        self.bulk = Operations(settings.seed, clock, self.journal, public_url, self._bulk_finished, settings.bulk)
        self.admin_api = AdminApi(self.shops, clock, self.journal, self.actions, self.bulk)
        self.schedule = Schedule(plan(settings, start), self.actions, self.deliveries, clock, self.journal)
        self.actions.plan = self.schedule.add

    def _install(self, shop: Shop, common: App) -> None:
        """The app of a shop from the start, with the token that its settings name."""
        app, name = common, f"app-of-{shop.domain.partition('.')[0]}"
        if shop.settings.secret != common.secret:
            app = self.apps[name] = App(name, shop.settings.secret)
        shop.installation.app = app
        if shop.settings.installed:
            shop.installation.add(app, app.scopes)
            shop.installation.tokens.fix(shop.settings.token, app.client_id, app.scopes, self.clock.wire())

    def _bulk_finished(self, shop: Shop, operation: Operation) -> None:
        deed = Deed(shop, self.clock.now())
        deed.bulk_operation(operation)
        self.actions.announce(deed, "bulk_operation_finished")

    def _give_up(self, webhook: Webhook) -> None:
        """A subscription made through the Admin API ends when a webhook of it fails for good."""
        shop = self.shops[webhook.shop]
        with shop.lock:
            subscription = shop.subscriptions.get(webhook.subscription_id)
            if subscription is None or subscription.origin != "admin_api":
                return
            del shop.subscriptions[subscription.id]
        self.journal.append("subscription_removed", shop=shop.domain, topic=subscription.topic, uri=subscription.uri)
