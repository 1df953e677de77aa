"""Customers whom Brevo knows already and who change: told by the store itself, so that reading it finds the change."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from time import time

import requests

from benchmarks import inbox
from benchmarks.arrivals import send
from benchmarks.shoppers import Shoppers
from benchmarks.stage import APP_SECRET, Stage, wait_for
from connector.clock import pause

_RATE = 25.0
_PATIENCE = 60.0
_SENDERS = 4


@dataclass(frozen=True, slots=True)
class Change:
    """``after`` seconds the customer with this address is called ``first_name``."""

    after: float
    email: str
    first_name: str


def introduce(stage: Stage, shop: Shoppers, count: int) -> list[str]:
    """So many customers of the store are told of and told to Brevo; their addresses. What changes about them afterwards
    the store reports itself."""
    deliveries = [shop.act("customers/create", time()) for _ in range(count)]
    send(stage.url, deliveries, _RATE, APP_SECRET)
    settled(stage)
    return [one.email for one in deliveries]


def settled(stage: Stage) -> None:
    """Wait until nothing but bulk is left to be done. Raises RuntimeError."""
    if not wait_for(lambda: not any(inbox.left(stage).values()), _PATIENCE, 0.2):
        raise RuntimeError(f"it does not come to rest: {inbox.left(stage)}")


def change(stage: Stage, domain: str, changes: Iterable[Change]) -> dict[tuple[str, str], float]:
    """Make these changes at the store, each when it is its time; {(address, first name): when, in unix seconds}."""
    turns, began = iter(sorted(changes, key=lambda one: one.after)), time() + 0.2
    guard, made = threading.Lock(), {}

    def work() -> None:
        with requests.Session() as session:
            while True:
                with guard:
                    one = next(turns, None)
                if one is None:
                    return
                pause(began + one.after - time())
                act = {"action": "change_customer", "shop": domain, "email": one.email, "first_name": one.first_name}
                made[one.email, one.first_name] = time()
                session.post(f"{stage.store_url}/_control/act", json={**act, "wait_seconds": 0}).raise_for_status()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made
