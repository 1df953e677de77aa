"""What is compared with the store: how the store lists it, what we hold of it, and what its deletion does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.scope import Scope
from sync import collections, customers, order_changes, products


@dataclass(frozen=True)
class Kind:
    """``name``: its GraphQL type in ``sync.readers.READERS``; ``words``: (one, many) of it.

    ``listing``: the document that lists what changed, ``root`` the list in the answer and in a bulk query; ``every``:
    business time from one look to the next.

    ``held``: a query of rows (id, at, whole, gone, seen) of all that we hold, ``some`` what limits it to ``:ids``
    (``:names``: the same as text). ``at``: the store's time of the state that we hold, NULL when we were told none;
    ``whole``: nothing of it is left to be read; ``gone``: it is deleted here; ``seen``: the store would show it to us
    if it had it (``:seen_since``: orders placed before are hidden).
    ``deleted`` applies that the store has it no more.
    """

    name: str
    words: tuple[str, str]
    listing: str
    root: str
    every: timedelta
    held: str
    some: str
    deleted: Callable[[Scope, int, datetime], None]


_QUARTER, _HOUR = timedelta(minutes=15), timedelta(hours=1)

KINDS: Mapping[str, Kind] = {
    one.name: one
    for one in (
        Kind(
            "Customer",
            ("customer", "customers"),
            "changed_customers",
            "customers",
            _QUARTER,
            "SELECT customer_id AS id, source_updated_at AS at, true AS whole, false AS gone, true AS seen FROM persons"
            " WHERE shop_id = :shop_id AND customer_id IS NOT NULL AND merged_into IS NULL",
            " AND id IN (SELECT person_id FROM identities WHERE shop_id = :shop_id AND kind = 'customer'"
            " AND value = ANY(:names))",
            customers.deleted,
        ),
        Kind(
            "Order",
            ("order", "orders"),
            "changed_orders",
            "orders",
            _QUARTER,
            "SELECT id, source_updated_at AS at, true AS whole, deleted_at IS NOT NULL AS gone,"
            " created_at >= :seen_since AS seen FROM orders WHERE shop_id = :shop_id",
            " AND id = ANY(:ids)",
            order_changes.deleted,
        ),
        Kind(
            "Product",
            ("product", "products"),
            "changed_products",
            "products",
            _HOUR,
            "SELECT id, source_updated_at AS at, collection_ids IS NOT NULL AS whole, deleted_at IS NOT NULL AS gone,"
            " true AS seen FROM products WHERE shop_id = :shop_id",
            " AND id = ANY(:ids)",
            products.deleted,
        ),
        Kind(
            "Collection",
            ("collection", "collections"),
            "changed_collections",
            "collections",
            _HOUR,
            "SELECT id, source_updated_at AS at, true AS whole, deleted_at IS NOT NULL AS gone, true AS seen"
            " FROM collections WHERE shop_id = :shop_id",
            " AND id = ANY(:ids)",
            collections.deleted,
        ),
    )
}

# Without this scope the store hides orders that are older than 60 days. A day less, so that none is on the edge.
ALL_ORDERS = "read_all_orders"
_SHOWN = timedelta(days=59)
_EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def seen_since(scope: Scope) -> datetime:
    """Orders placed since then are shown to us by the store if it has them."""
    return _EVER if ALL_ORDERS in (scope.shop.granted_scopes or ()) else scope.now - _SHOWN
