"""Variants of products: prices and stock, with what changed of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select, update

from connector.ahead import Row
from connector.db.rows import write_rows
from connector.eventlog import Fact
from connector.models.store import variants
from connector.scope import Scope
from sync.node_values import decimal, number

_EMPTY: Mapping[str, Any] = dict.fromkeys(column.name for column in variants.c)
_COLUMNS = ("title", "sku", "position", "price", "inventory_item_id", "inventory_quantity")


@dataclass
class Changes:
    """What became different of a product's variants: [(variant as it is now, values before)] of prices and of stock, as
    far as they were known before, and whether anything did. ``rows``: all that we hold by then, if it did.
    """

    prices: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    stock: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    any: bool = False
    rows: Mapping[int, Row] = field(default_factory=dict)

    def facts(self, about: Mapping[str, Any], at: datetime) -> list[Fact]:
        """A changed price is told with the old and the new one; the first price of a variant is no change."""
        return [
            Fact(
                "price_changed",
                f"variant:{row['id']}:price:{at.isoformat()}:{row['price']}:{row['compare_at_price']}",
                at,
                f"variant:{row['id']}",
                key=str(row["product_id"]),
                props={
                    **about,
                    "variant_id": row["id"],
                    "variant_title": row["title"],
                    "sku": row["sku"],
                    "old": _text(before["price"]),
                    "new": _text(row["price"]),
                    "old_compare_at_price": _text(before["compare_at_price"]),
                    "new_compare_at_price": _text(row["compare_at_price"]),
                },
            )
            for row, before in self.prices
        ]


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def project(
    scope: Scope,
    product_id: int,
    told: Sequence[Mapping[str, Any]] | None,
    at: datetime,
    *,
    all_ids: Collection[int] | None = None,
) -> Changes:
    """Apply these variants of a product. ``all_ids``: every variant that it has; others that we hold are gone.

    Each has an id, and the columns of ``variants`` by name as far as they are told; ``compare_at_price`` None is an
    answer when the key is there. An older state of a variant changes nothing.
    """
    changes = Changes()
    if not told and all_ids is None:
        return changes
    held = _held(scope, product_id)
    rows: dict[int, Row] = {}
    for one in told or ():
        before: Mapping[str, Any] = held.get(one["id"]) or {**_EMPTY, "shop_id": scope.shop_id, "id": one["id"]}
        if before["source_updated_at"] is not None and at < before["source_updated_at"]:
            continue
        values = {name: one[name] for name in _COLUMNS if one.get(name) is not None}
        if "compare_at_price" in one:
            values["compare_at_price"] = one["compare_at_price"]
        row = {**before, **values, "product_id": product_id, "deleted_at": None}
        if row != before:
            rows[one["id"]] = {**row, "source_updated_at": at}
            priced = (before["price"], before["compare_at_price"]) != (row["price"], row["compare_at_price"])
            if before["price"] is not None and priced:
                changes.prices.append((row, before))
            counted = before["inventory_quantity"]
            if counted is not None and counted != row["inventory_quantity"]:
                changes.stock.append((row, before))
    if all_ids is not None:
        gone = {id: row for id, row in held.items() if id not in all_ids and not row["deleted_at"]}
        rows |= {id: {**row, "deleted_at": at} for id, row in gone.items()}
    if rows:
        changes.any, changes.rows = True, {**held, **rows}
        _write(scope, product_id, changes.rows, rows)
    return changes


def _held(scope: Scope, product_id: int) -> Mapping[int, Row]:
    read = scope.ahead.variants.get(product_id)
    if read is not None:
        return read
    given = {"shop_id": scope.shop_id, "product_id": product_id}
    return {row["id"]: dict(row) for row in scope.connection.execute(_HELD, given).mappings()}


_HELD = select(variants).where(
    variants.c.shop_id == bindparam("shop_id"), variants.c.product_id == bindparam("product_id")
)


def _write(scope: Scope, product_id: int, now: Mapping[int, Row], changed: Mapping[int, Row]) -> None:
    if product_id in scope.ahead.variants:
        scope.ahead.variants[product_id] = dict(now)
        for row in changed.values():
            scope.write(variants, row)
    else:
        write_rows(scope.connection, variants, [changed[id] for id in sorted(changed)])


def price_range(rows: Mapping[int, Row]) -> dict[str, Any]:
    """{price_min, price_max} of the variants that the product has, of these."""
    prices = [row["price"] for row in rows.values() if row["price"] is not None and not row["deleted_at"]]
    return {"price_min": min(prices, default=None), "price_max": max(prices, default=None)}


def deleted(scope: Scope, product_id: int, at: datetime) -> None:
    """All variants of a product are gone with it."""
    scope.connection.execute(
        update(variants)
        .where(
            variants.c.shop_id == scope.shop_id,
            variants.c.product_id == product_id,
            variants.c.deleted_at.is_(None),
        )
        .values(deleted_at=at)
    )


def of_node(product: Mapping[str, Any]) -> tuple[list[dict[str, Any]] | None, list[int] | None]:
    """The variants of a product as the store's GraphQL tells it; and the ids of all that it has, if all are there."""
    connection = product.get("variants")
    if not connection:
        return None, None
    listed = [_of_node(node) for node in connection.get("nodes") or () if node]
    more = (connection.get("pageInfo") or {}).get("hasNextPage", True)
    return listed, None if more else [one["id"] for one in listed]


def _of_node(node: Mapping[str, Any]) -> dict[str, Any]:
    item = (node.get("inventoryItem") or {}).get("id")
    return {
        "id": number(node["id"]),
        "title": node.get("title"),
        "sku": node.get("sku"),
        "position": node.get("position"),
        "price": decimal(node.get("price")),
        "compare_at_price": decimal(node.get("compareAtPrice")),
        "inventory_item_id": number(item) if item else None,
        "inventory_quantity": node.get("inventoryQuantity"),
    }
