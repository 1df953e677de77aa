"""Orders as the store's log has them, and what may no longer leave after one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The promise: the first byte leaves at most this long after the order's webhook got its 2xx. Real seconds.
PROMISE = 1.0

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """An order, when it was placed (business time) and when its webhook was acknowledged (real seconds)."""

    shop: str
    email: str
    checkout_token: str | None
    acknowledged_at: float
    placed_at: float = 0.0

    def forbids(self, shop: str, first_byte_at: float) -> bool:
        """Whether what left in this shop then left too late after it."""
        return self.shop == shop and first_byte_at > self.acknowledged_at + PROMISE


def orders_in(journal: Sequence[Entry], state: Mapping[str, Any]) -> list[Order]:
    """The orders that the product has acknowledged, from the store's log and what it has now."""
    deliveries = {
        (e["shop"], e["object_id"]): e["webhook_id"]
        for e in journal
        if e["kind"] == "webhook" and e["topic"] == "orders/create" and not e["forged"]
    }
    first: dict[str, float] = {}
    for entry in journal:
        if entry["kind"] == "acknowledged":
            first.setdefault(entry["webhook_id"], entry["real"])
    found = []
    for shop, kept in state.items():
        for order in kept["orders"]:
            webhook = deliveries.get((shop, f"order/{order['id']}"))
            if webhook in first:
                about = order["email"], order["checkout_token"]
                found.append(Order(shop, *about, first[webhook], order["created_at"]))
    return found
