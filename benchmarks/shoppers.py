"""What the simulated store's customers do, as the deliveries that the store would send.

The same shop is built here as in the store's process (same seed, number and customers), so that whatever the
product then reads from the store is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from sandbox.store import payloads
from sandbox.store.settings import ShopSettings
from sandbox.store.shop import Shop
from webhooks.verify import signature

API_VERSION = "2026-10"
# In turn, so that each has an equal part.
TOPICS = ("customers/create", "checkouts/create", "orders/create")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook. ``email`` is nobody else's in this run; ``order_id`` only of an order."""

    shop: str
    topic: str
    webhook_id: str
    email: str
    order_id: str | None
    body: bytes

    def headers(self, secret: str) -> dict[str, str]:
        """As the store sends them, signed."""
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": self.topic,
            "X-Shopify-Shop-Domain": self.shop,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": self.webhook_id,
            "X-Shopify-Event-Id": self.webhook_id,
            "X-Shopify-Hmac-Sha256": signature(self.body, secret),
        }


class Shoppers:
    """The customers of one shop, each of whom does one thing once."""

    def __init__(
        self, domain: str, number: int, *, seed: int, customers: int, store_url: str, opened_at: float
    ) -> None:
        self._shop = Shop(ShopSettings(domain, ""), number, seed, f"{store_url}/{domain}", opened_at)
        self._shop.populate(opened_at, customers)
        self._waiting = iter(list(self._shop.customers.values()))
        self._variants = self._shop.variants()

    def act(self, topic: str, now: float) -> Delivery:
        """The next customer does what ``topic`` tells, at business time ``now``. Raises StopIteration."""
        person = next(self._waiting)
        shop, order_id = self._shop, None
        body: dict[str, Any]
        if topic == "customers/create":
            person.created_at = person.updated_at = now
            body = payloads.customer(shop, person)
        else:
            first = person.id % len(self._variants)
            lines = [(self._variants[(first + n) % len(self._variants)], 1 + n % 2) for n in range(3)]
            cart = shop.start_checkout(now, lines, person.email)
            shop.edit_checkout(now, cart, name=("Robin", "Buyer"))
            if topic == "checkouts/create":
                body = payloads.checkout(shop, cart)
            else:
                sale = shop.complete_checkout(now, cart, person)
                order_id, body = str(sale.id), payloads.order(shop, sale)
        return self._delivery(topic, person.email, body, order_id)

    def leave_cart(self, changed_at: float) -> Delivery:
        """The next customer, who agrees to marketing, has a checkout that was last changed at ``changed_at``."""
        person, shop = next(self._waiting), self._shop
        cart = shop.start_checkout(changed_at, [(self._variants[0], 1)], person.email)
        shop.edit_checkout(changed_at, cart, name=("Robin", "Buyer"), accepts_marketing=True)
        return self._delivery("checkouts/create", person.email, payloads.checkout(shop, cart))

    def _delivery(self, topic: str, email: str, body: dict[str, Any], order_id: str | None = None) -> Delivery:
        written = orjson.dumps(body)
        webhook_id = sha256(written).hexdigest()[:36]
        return Delivery(self._shop.domain, topic, webhook_id, email, order_id, written)


def take_turns(shops: Sequence[Shoppers], count: int, now: float) -> Iterator[Delivery]:
    """``count`` deliveries: shops in turn, and for each shop the topics in turn."""
    for n in range(count):
        yield shops[n % len(shops)].act(TOPICS[(n // len(shops)) % len(TOPICS)], now)
