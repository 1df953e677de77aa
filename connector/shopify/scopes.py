"""The access scopes that the app needs, and what for.

``tests/adapters/test_store_scopes.py`` reads from the published schema what our documents and topics require, and
compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """``essential``: without it there is no use in going on."""

    purpose: str
    essential: bool = False


NEEDED: Mapping[str, Need] = {
    "read_customers": Need("customers and their consent", essential=True),
    "write_customers": Need("opt-outs that the store has not heard of, and tags that flows give"),
    "read_customer_merge": Need("customer records that the store has merged"),
    "read_orders": Need("orders, checkouts and carts", essential=True),
    "read_products": Need("products, as messages and Brevo show them", essential=True),
    "read_fulfillments": Need("fulfilments and deliveries"),
    "read_inventory": Need("stock"),
    "read_returns": Need("returns"),
    "read_draft_orders": Need("draft orders"),
    "read_discounts": Need("discount codes that flows have given"),
    "write_discounts": Need("discount codes that flows give"),
}


def missing(granted: Set[str]) -> list[str]:
    """The scopes that are needed and not granted. Who may write may read."""
    return [name for name in NEEDED if not {name, name.replace("read_", "write_", 1)} & granted]
