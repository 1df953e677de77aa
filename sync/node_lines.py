"""Lines of an order or a checkout, as the store's GraphQL tells them, in the shape in which webhooks' are kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync.node_values import number, shop_money


def items(node: Mapping[str, Any], **more: str) -> list[dict[str, Any]] | None:
    """None when the record has more lines than were read. ``more``: {name of an item: the field that it has}, of this
    kind of record only."""
    lines = node.get("lineItems")
    if not lines or (lines.get("pageInfo") or {}).get("hasNextPage", True):
        return None
    return [_item(line) | {name: line[told] for name, told in more.items()} for line in lines.get("nodes") or ()]


def _item(line: Mapping[str, Any]) -> dict[str, Any]:
    price = shop_money(line.get("originalUnitPriceSet")) or Decimal(0)
    product, variant = line.get("product"), line.get("variant")
    return {
        "product_id": number(product["id"]) if product else None,
        "variant_id": number(variant["id"]) if variant else None,
        "title": line.get("title") or "",
        "variant_title": line.get("variantTitle"),
        "sku": line.get("sku"),
        "quantity": line["quantity"],
        "price": str(price),
        "line_price": str(price * line["quantity"]),
    }
