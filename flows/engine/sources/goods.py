"""Products and their variants as messages show them: our copy, and what the store said when it was last asked.

Of a price the newer of the two counts. That something is sold out only the store's own word says: a variant with no
stock may be sold on all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from connector.scope import Scope

# Of one product, in the store's order.
_MOST_VARIANTS = 25


@dataclass(frozen=True)
class Variant:
    """``known_at``: when price and stock were so; ``sold_out``: by the store's word; ``told_at``: when the store last
    told of a change by itself; ``caught``: a look has found another price than was told."""

    id: int
    title: str | None
    price: Decimal | None
    before: Decimal | None
    sold_out: bool
    known_at: datetime | None
    told_at: datetime | None = None
    caught: bool = False

    def price_moved_since(self, moment: datetime) -> bool:
        """Whether it may be another than it was then."""
        return self.caught or (self.told_at is not None and self.told_at >= moment)


@dataclass(frozen=True)
class Product:
    """``category``: its type in the store; ``sold``: whether the shop has it on its pages."""

    id: int
    title: str
    url: str | None
    image_url: str | None
    category: str
    description: str | None
    sold: bool
    sold_out: bool
    known_at: datetime | None
    variants: Sequence[Variant] = field(default_factory=tuple)

    def variant(self, variant_id: int | None) -> Variant | None:
        """The one that is meant; else the cheapest that can be had."""
        named = next((one for one in self.variants if one.id == variant_id), None)
        if named is not None:
            return named
        priced = [one for one in self.variants if one.price is not None]
        return min(priced, key=lambda one: (one.sold_out, one.price), default=None)


def read(scope: Scope, product_ids: Iterable[int]) -> dict[int, Product]:
    """Those of these products that are known, by id: two statements."""
    ids = sorted(set(product_ids))
    if not ids:
        return {}
    given = {"shop_id": scope.shop_id, "ids": ids, "most": _MOST_VARIANTS}
    lying: dict[int, list[Variant]] = defaultdict(list)
    for row in scope.connection.execute(_VARIANTS, given):
        lying[row.product_id].append(_variant(row))
    return {row.id: _product(row, lying[row.id]) for row in scope.connection.execute(_PRODUCTS, given)}


def _variant(row: Row[Any]) -> Variant:
    looked = row.looked_at is not None and (row.source_updated_at is None or row.looked_at >= row.source_updated_at)
    return Variant(
        row.id,
        row.title,
        row.look_price if looked and row.look_price is not None else row.price,
        row.look_before if looked else row.compare_at_price,
        row.available is False,
        row.looked_at if looked else row.source_updated_at,
        row.source_updated_at,
        looked and row.look_price is not None and row.look_price != row.price,
    )


def _product(row: Row[Any], lying: Sequence[Variant]) -> Product:
    sold = row.deleted_at is None and row.status in (None, "active", "unlisted")
    known = max((one for one in (row.looked_at, row.source_updated_at) if one is not None), default=None)
    return Product(
        row.id,
        row.title,
        row.url,
        row.image_url,
        row.product_type or "",
        row.description,
        sold,
        not sold or row.available is False,
        known,
        tuple(lying),
    )


_PRODUCTS = text(
    """
SELECT products.id, products.title, products.url, products.image_url, products.product_type, products.status,
    products.deleted_at, products.source_updated_at, look.available, look.description, look.looked_at
FROM products
LEFT JOIN store_looks AS look ON look.shop_id = products.shop_id AND look.kind = 'product' AND look.id = products.id
WHERE products.shop_id = :shop_id AND products.id = ANY(CAST(:ids AS bigint[]))
"""
)
_VARIANTS = text(
    """
SELECT asked.id AS product_id, lying.*
FROM unnest(CAST(:ids AS bigint[])) AS asked (id)
CROSS JOIN LATERAL (
    SELECT variants.id, variants.title, variants.price, variants.compare_at_price, variants.source_updated_at,
        look.price AS look_price, look.compare_at_price AS look_before, look.available, look.looked_at
    FROM variants
    LEFT JOIN store_looks AS look ON look.shop_id = variants.shop_id AND look.kind = 'variant'
        AND look.id = variants.id
    WHERE variants.shop_id = :shop_id AND variants.product_id = asked.id AND variants.deleted_at IS NULL
    ORDER BY variants.position NULLS LAST, variants.id
    LIMIT :most
) AS lying
"""
)


def shown(scope: Scope, product: Product, variant_id: int | None = None) -> dict[str, Any]:
    """A product as ``flows.content.context`` lists it. ``variant_id``: the one that it is about, if it is about one."""
    about = next((one for one in product.variants if one.id == variant_id), None)
    chosen = product.variant(variant_id)
    price = chosen.price if chosen else None
    before = chosen.before if chosen and chosen.before is not None and price is not None else None
    sold_out = about.sold_out or not product.sold if about else product.sold_out
    known = chosen.known_at if chosen else product.known_at
    return {
        "product_id": product.id,
        "variant_id": about.id if about else None,
        "title": product.title,
        "variant_title": about.title if about else None,
        "url": product.url,
        "image_url": product.image_url,
        "description": product.description,
        "category": product.category or None,
        "price": _text(price),
        # A price before that is no higher is none.
        "compare_at_price": _text(before) if before is not None and price is not None and before > price else None,
        "currency": scope.shop.currency,
        "available": not sold_out,
        "sold_out": sold_out,
        "buy_url": _buy_url(scope, product, about),
        "known_at": known.isoformat() if known else None,
    }


def _buy_url(scope: Scope, product: Product, about: Variant | None) -> str | None:
    """A cart with it in it; where a size is still to be chosen, its page."""
    one = about or (product.variants[0] if len(product.variants) == 1 else None)
    return cart_url(scope, [(one.id, 1)]) if one else product.url


def cart_url(scope: Scope, lines: Sequence[tuple[int, int]]) -> str | None:
    """The store's own address that fills a cart with these (variant, quantity) (/cart/VARIANT:QUANTITY,...)."""
    if not lines:
        return None
    shop = scope.shop.settings["url"] or f"https://{scope.shop.domain}"
    return f"{shop.rstrip('/')}/cart/" + ",".join(f"{variant}:{quantity}" for variant, quantity in lines)


def of_lines(scope: Scope, lines: Iterable[Mapping[str, Any]]) -> dict[int, Product]:
    """The products of these lines of carts and orders."""
    return read(scope, (line["product_id"] for line in lines if line.get("product_id")))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
