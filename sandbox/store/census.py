"""How many records of a kind a shop has, and a digest by which two pictures of it are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.clock import iso_utc
from sandbox.store.shop import Shop

KINDS: dict[str, Callable[[Shop, float], Iterable[Any]]] = {
    "customers": lambda shop, now: shop.customers.values(),
    "orders": lambda shop, now: shop.orders.values(),
    "products": lambda shop, now: shop.products.values(),
    "collections": lambda shop, now: shop.collections.values(),
    "abandoned_checkouts": lambda shop, now: [one for one in shop.checkouts.values() if shop.is_abandoned(one, now)],
}


def updated(shop: Shop, kind: str, now: float) -> dict[int, str]:
    """The id of every record with when it was updated, as the Admin API writes it. Raises KeyError for a kind."""
    return {record.id: iso_utc(record.updated_at) for record in sorted(KINDS[kind](shop, now), key=lambda one: one.id)}


def digest(found: dict[int, str]) -> str:
    """SHA-256 in hex over a line `ID MOMENT` for each record, by rising id."""
    lines = "".join(f"{number} {moment}\n" for number, moment in found.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def census(shop: Shop, now: float) -> dict[str, dict[str, Any]]:
    """Count and digest of each kind; of orders the count of lines, of products that of variants as well."""
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        records = updated(shop, kind, now)
        found[kind] = {"count": len(records), "digest": digest(records)}
    found["orders"]["lines"] = sum(len(sale.lines) for sale in shop.orders.values())
    found["products"]["variants"] = sum(len(goods.variants) for goods in shop.products.values())
    return found
