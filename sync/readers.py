"""The registry of what is read from the store: GraphQL type, its document, what applies a node."""

from __future__ import annotations

from sync import collections, customers, order_node, products, stock
from sync.fetch import Readers

READERS: Readers = {
    "Customer": ("customers", customers.refresh),
    "Product": ("products", products.refresh),
    "Order": ("orders", order_node.refresh),
    "Collection": ("collections", collections.refresh),
    "InventoryItem": ("inventory_items", stock.refresh),
}
