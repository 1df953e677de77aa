"""The registry of what is read from the store: GraphQL type, its document, what applies a node."""

from __future__ import annotations

from sync import collections, customers, order_node, products, profile_fields, stock
from sync.fetch import Reader, Readers

READERS: Readers = {
    "Customer": Reader("customers", customers.refresh, profile_fields.variables),
    "Product": Reader("products", products.refresh),
    "Order": Reader("orders", order_node.refresh),
    "Collection": Reader("collections", collections.refresh),
    "InventoryItem": Reader("inventory_items", stock.refresh),
}
