"""A day in a simulated store, some of whose deliveries are lost, and what was made of it here and at the provider."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text, update

from connector import shops
from connector.db.session import transaction
from connector.install import resubscribing
from connector.models.shop import shops as shops_table
from sync import attributes, backfill, reconcile
from sync.mapping import contact
from sync.reconcile import Report
from tests.engine.installation import ConnectedShop, Installation
from tests.sandbox.store_process import Receiver, StoreProcess

# An email for every order and one for every new customer, so that what starts a flow is seen at the provider.
THANKS = "flow: thanks\nname: thanks\ntrigger: {on: order_placed}\nreentry: always\nsteps: [{email: hello}]\n"
REMIND = (
    "flow: remind\nname: remind\ntrigger: {on: order_placed}\nreentry: always\nsteps: [{wait: 30m}, {email: hello}]\n"
)
HELLO = "flow: hello\nname: hello\ntrigger: {on: customer_created}\nreentry: never\nsteps: [{email: hello}]\n"
MESSAGE = "---\nsubject: Thank you\npurpose: transactional\n{deadline}---\n<p>Thank you</p>\n"
_HELD = {
    "customers": "SELECT customer_id AS id, source_updated_at AS at FROM persons"
    " WHERE shop_id = :shop AND customer_id IS NOT NULL AND merged_into IS NULL",
    **{
        name: f"SELECT id, source_updated_at AS at FROM {name} WHERE shop_id = :shop AND deleted_at IS NULL"  # noqa: S608
        for name in ("orders", "products", "collections")
    },
}
_ROUNDS = 80
# All orders, also those of more than 60 days ago.
SCOPES = ["read_all_orders", "read_orders", "read_customers", "read_products"]


@dataclass
class Day:
    shop: ConnectedShop
    store: StoreProcess
    receiver: Receiver
    down: bool = False
    given: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begun(cls, product: Installation, store: StoreProcess, receiver: Receiver, domain: str) -> Day:
        """The webhooks are in place since now, as the installation notes it."""
        shop = product.connect(domain, flows=[])
        attributes.ensure(shop.deps.brevo(shop.shop), contact.attributes({}))
        shop.account.post("/ecommerce/activate")
        with transaction(shop.deps.engine) as connection:
            mine = shops_table.c.id == shop.id
            connection.execute(update(shops_table).where(mine).values(live_since=product.now, granted_scopes=SCOPES))
            shop.shop = shops.load(connection, shop.id)
        resubscribing.renew(shop.deps, shop.shop)
        return cls(shop, store, receiver)

    @property
    def now(self) -> datetime:
        return self.shop.installation.now

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Something happens in the store, and what it tells of it arrives, unless we are down."""
        done = dict(self.store.act(action, shop=self.shop.shop.domain, **arguments))
        self.hear()
        return done

    def hear(self) -> None:
        new = self.receiver.received[self.given :]
        self.given += len(new)
        for one in new:
            if self.down:
                self.lost[one.topic] += 1
            else:
                self.shop.deliver(one.topic, one.body, webhook_id=one.headers["x-shopify-webhook-id"])

    def populate(self, **counts: int) -> None:
        self.store.post("populate", shop=self.shop.shop.domain, to=self.now.timestamp() - 86_400, **counts)

    def reload(self) -> None:
        with self.shop.deps.engine.connect() as connection:
            self.shop.shop = shops.load(connection, self.shop.id)

    def backfill(self) -> None:
        with self.shop.scope() as scope:
            number = backfill.start(scope, by="cli")
        for _ in range(_ROUNDS):
            self.shop.installation.settle("backfill", "fetch")
            with self.shop.deps.engine.connect() as connection:
                found = backfill.progress(connection, self.shop.id, number)
            if found.state not in ("queued", "running"):
                assert found.state == "done", found
                return
            self.shop.installation.skip(2)
        raise AssertionError(f"the backfill does not end: {found}")

    def pass_time(self, span: timedelta) -> None:
        """Business time goes on, and what is due is done; down, nothing is."""
        self.shop.installation.at(self.now + span)
        if not self.down:
            self.settle()

    def settle(self) -> None:
        self.shop.installation.settle("intake", "fetch", "flows", "deliver")

    def reconcile(self) -> Report:
        """All that `connector sync reconcile` has the workers do."""
        with self.shop.scope() as scope:
            number = reconcile.ask(scope, by="cli")
        for _ in range(_ROUNDS):
            self.shop.installation.settle("reconcile", "fetch", "flows", "deliver", "sync", "imports", "reruns")
            with self.shop.deps.engine.connect() as connection:
                found = reconcile.read(connection, self.shop.id, number)
            if found.state != "open":
                return found
            self.shop.installation.skip(2)
        raise AssertionError(f"the report does not end: {found}")

    def differing(self) -> dict[str, int]:
        """{kind: of how many records we do not hold exactly the store's newest state}."""
        found = {}
        with self.shop.deps.engine.connect() as connection:
            for kind, query in _HELD.items():
                told = self.store.get(f"census?shop={self.shop.shop.domain}&kind={kind}")["records"]
                rows = connection.execute(text(query), {"shop": self.shop.id})
                held = {str(row.id): f"{row.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for row in rows if row.at}
                found[kind] = len(dict(told.items() ^ held.items()))
        return {kind: number for kind, number in found.items() if number}
