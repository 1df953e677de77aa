"""A shop with a simulated store behind it, of which nothing was heard yet, and a Brevo account of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from connector.db.session import transaction
from connector.errors import InvalidInput
from sync import reruns
from sync.reruns import Failure, Preview, Run, What
from tests.engine.installation import ConnectedShop, Installation
from tests.sandbox.store_process import Received, Receiver, StoreProcess

BY = "staff:1"
_ROUNDS = 40


def ask(shop: ConnectedShop, what: What) -> int:
    with shop.scope() as scope:
        return reruns.start(scope, what, by=BY)


def run(shop: ConnectedShop, run_id: int) -> Run:
    with shop.deps.engine.connect() as connection:
        return reruns.progress(connection, shop.id, run_id)


def failed(shop: ConnectedShop, run_id: int) -> list[Failure]:
    with shop.deps.engine.connect() as connection:
        return reruns.failures(connection, shop.id, run_id)


def finished(shop: ConnectedShop, run_id: int) -> Run:
    """Let everything be done that is due, until the run has ended."""
    for _ in range(_ROUNDS):
        # Without the looks at the store, which read products too.
        shop.installation.settle("reruns", "fetch", "sync", "imports", "bulk", "flows", "deliver")
        found = run(shop, run_id)
        if found.ended:
            return found
        shop.installation.skip(2)
    raise AssertionError(f"the run does not end: {found}")


def synced(shop: ConnectedShop, what: What) -> Run:
    return finished(shop, ask(shop, what))


def shown(shop: ConnectedShop, what: What, most: int = 50) -> Preview:
    return reruns.preview(shop.deps, shop.shop, what, most=most)


def counts(found: Run) -> tuple[int, int, int, int]:
    """(done, changed, unchanged, failed)"""
    return found.done, found.changed, found.unchanged, found.failed


def since(shop: ConnectedShop, entity: str) -> What:
    """Everything of the last year."""
    return What(entity, since=shop.installation.now - timedelta(days=365))


@contextmanager
def refused(words: str) -> Iterator[None]:
    with pytest.raises(InvalidInput, match=words):
        yield


def contents(installation: Installation) -> dict[str, list[Any]]:
    """All rows of what a sync may change, without the bookkeeping of the wishes themselves."""
    tables = ("persons", "identities", "consents", "orders", "products", "variants", "events", "runs", "outbox")
    with transaction(installation.deps.engine) as connection:
        return {
            name: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1, 2")]
            for name in tables
        }


@dataclass(frozen=True)
class Storefront:
    """One shop of the simulated store."""

    store: StoreProcess
    domain: str

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        return dict(self.store.act(action, shop=self.domain, **arguments))

    def buyers(self, *emails: str) -> dict[str, dict[str, Any]]:
        """Customers who agree to emails and have bought something, as the store tells of each."""
        return {
            email: {
                **self.act("create_customer", email=email, accepts_marketing=True, first_name="Ann"),
                **self.act("create_order", email=email),
            }
            for email in emails
        }

    @contextmanager
    def heard(self, *topics: str) -> Iterator[list[Received]]:
        """What the store tells of what happens inside the block."""
        said: list[Received] = []
        with Receiver() as receiver:
            self.store.post(
                "subscribe", uri=receiver.url, shops=[self.domain], **({"topics": topics} if topics else {})
            )
            yield said
            self.store.post("unsubscribe", shop=self.domain)
            said += receiver.received

    @property
    def orders(self) -> list[dict[str, Any]]:
        return list(self.store.get("state")["shops"][self.domain]["orders"])
