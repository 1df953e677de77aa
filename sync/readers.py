"""The registry of what is read from the store: GraphQL type, its document, what applies a node."""

from __future__ import annotations

from sync import customers, products
from sync.fetch import Readers

READERS: Readers = {
    "Customer": ("customers", customers.refresh),
    "Product": ("products", products.refresh),
}
