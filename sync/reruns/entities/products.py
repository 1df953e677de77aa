"""Products, with their variants. They belong to no person."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from connector.brevo.client import BrevoAccount
from connector.shops import Shop
from sync.copies import product
from sync.reruns.entities.catalogue import by_handle, held_in, of_nobody
from sync.reruns.entities.entity import (
    Entity,
    Held,
    Row,
    Values,
    by_the_stores_id,
    kept_in,
)
from sync.reruns.entities.snapshots import snapshots

_SHOWN = (
    "title", "handle", "status", "url", "image_url", "vendor", "product_type", "tags", "price_min", "price_max",
    "collection_ids",
)  # fmt: skip
_NAMES = {
    "title": "name", "url": "url", "image_url": "imageUrl", "vendor": "brand", "price_min": "price",
    "collection_ids": "categories", "stock": "stock",
}  # fmt: skip
# Brevo also answers these with values of its own making.
_COMPARED = ("name", "url", "imageUrl", "brand", "price", "alternativePrice", "categories", "sku", "stock", "isDeleted")

_ROWS = text(
    """
SELECT products.*, (
    SELECT sum(inventory_quantity) FROM variants
    WHERE variants.shop_id = products.shop_id AND variants.product_id = products.id AND variants.deleted_at IS NULL
) AS stock
FROM products WHERE shop_id = :shop_id AND id = ANY(:ids)
"""
)


_held = held_in("products")


def _rows(connection: Connection, shop: Shop, held: Mapping[int, Held]) -> dict[int, Row]:
    found = snapshots(connection, shop, "product", held, product.read)
    rows = {}
    for kept in connection.execute(_ROWS, {"shop_id": shop.id, "ids": list(held)}).mappings():
        snapshot = found[kept["id"]]
        # The product's own record; those of its variants follow it.
        told = snapshot.body[0] if snapshot.body and not snapshot.nothing else {}
        rows[kept["id"]] = Row(
            label=kept["title"] or str(kept["id"]),
            ours={name: kept[name] for name in (*_SHOWN, "stock")},
            told={name: told[name] for name in _COMPARED if name in told},
            untold=snapshot.nothing,
            known_by=(("id", str(kept["id"])),),
        )
    return rows


def _at_brevo(account: BrevoAccount, row: Row) -> Values | None:
    ((_, product_id),) = row.known_by
    account.await_turn(product.LIST, lane="maintenance")
    found = account.get_product(product_id)
    return None if found is None else {name: found.get(name) for name in _COMPARED}


PRODUCTS = Entity(
    name="products",
    kind="Product",
    copy="product",
    listing="changed_products",
    root="products",
    count="count_products",
    count_root="productsCount",
    of_person=of_nobody("Product"),
    named=by_handle("Product"),
    held=_held,
    rows=_rows,
    records=by_the_stores_id(_held),
    names=lambda shop: _NAMES,
    kept=kept_in("products"),
    at_brevo=_at_brevo,
    # One of a hundred calls an hour each.
    asked=3,
)
