"""Products, their variants and collections as Brevo's catalogue has them (POST /products, POST /categories).

A variant is a product of its own there, with ``parentId``; a product with a single variant is one record. Nothing is
ever deleted at Brevo: what is gone has ``isDeleted``. Records carry no currency: prices are in the account's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync.currency import Exchange

# Shapes of Brevo's OpenAPI description: metaInfo has up to 20 keys and 20,000 characters.
_LONGEST_TAGS = 5_000
# The store shows nobody a product in another state.
_ON_SALE = (None, "active", "unlisted")


def gone(product: Mapping[str, Any]) -> bool:
    """Whether a product (a row of ``products``) is to be found in the store no more, or not yet."""
    return product["deleted_at"] is not None or product["status"] not in _ON_SALE


def records(
    product: Mapping[str, Any],
    variants: Sequence[Mapping[str, Any]],
    store_url: str,
    exchange: Exchange | None = None,
) -> list[dict[str, Any]]:
    """The product's records, itself first. ``variants``: its rows, deleted ones too, in the store's order;
    ``exchange``: into the account's currency, if that is not the shop's.
    """
    there = [one for one in variants if one["deleted_at"] is None]
    only = there[0] if len(there) == 1 and len(variants) == 1 else None
    page = product["url"] or (f"{store_url.rstrip('/')}/products/{product['handle']}" if product["handle"] else None)
    shared = {
        "url": page if store_url or product["url"] else None,
        "imageUrl": product["image_url"],
        "brand": product["vendor"],
        "categories": [str(one) for one in product["collection_ids"] or ()] or None,
    }
    parent = {
        "id": str(product["id"]),
        "name": product["title"] or str(product["id"]),
        **shared,
        "price": _amount(product["price_min"], exchange),
        "alternativePrice": _amount(only["compare_at_price"], exchange) if only else None,
        "sku": only["sku"] if only else None,
        "stock": _stock(there),
        "metaInfo": {**_meta(product), **_original(product["price_min"], exchange)} or None,
        **_deletion(product["deleted_at"], gone(product)),
    }
    listed = [parent]
    if only is None:
        listed += [_variant(product, one, shared, exchange) for one in variants]
    return [{name: value for name, value in one.items() if value not in (None, "")} for one in listed]


def _variant(
    product: Mapping[str, Any], variant: Mapping[str, Any], shared: Mapping[str, Any], exchange: Exchange | None
) -> dict[str, Any]:
    page = shared["url"]
    return {
        "id": str(variant["id"]),
        "parentId": str(product["id"]),
        "name": " - ".join(part for part in (product["title"], variant["title"]) if part) or str(variant["id"]),
        **shared,
        "url": f"{page}?variant={variant['id']}" if page else None,
        "price": _amount(variant["price"], exchange),
        "alternativePrice": _amount(variant["compare_at_price"], exchange),
        "sku": variant["sku"],
        "stock": variant["inventory_quantity"],
        "metaInfo": _original(variant["price"], exchange) or None,
        **_deletion(variant["deleted_at"] or product["deleted_at"], variant["deleted_at"] is not None or gone(product)),
    }


def category(collection: Mapping[str, Any], store_url: str) -> dict[str, Any]:
    """A collection (a row of ``collections``) as a category."""
    record = {
        "id": str(collection["id"]),
        "name": collection["title"] or str(collection["id"]),
        "url": f"{store_url.rstrip('/')}/collections/{collection['handle']}"
        if store_url and collection["handle"]
        else None,
        **_deletion(collection["deleted_at"], collection["deleted_at"] is not None),
    }
    return {name: value for name, value in record.items() if value is not None}


def _deletion(at: datetime | None, deleted: bool) -> dict[str, Any]:
    # Said in both cases: what comes back must not stay deleted.
    told: dict[str, Any] = {"isDeleted": deleted}
    if deleted and at is not None:
        told["deletedAt"] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return told


def _stock(variants: Sequence[Mapping[str, Any]]) -> int | None:
    """Pieces of all variants, or None when of some it is not known."""
    counts = [one["inventory_quantity"] for one in variants]
    return None if not counts or None in counts else sum(counts)


def _meta(product: Mapping[str, Any]) -> dict[str, str]:
    told = {
        "product_type": product["product_type"],
        "tags": ", ".join(product["tags"] or ())[:_LONGEST_TAGS],
        "status": product["status"],
    }
    return {name: value for name, value in told.items() if value}


def _amount(value: Any, exchange: Exchange | None) -> float | None:
    if value is None:
        return None
    return float(value) if exchange is None else exchange.amount(value)


def _original(price: Any, exchange: Exchange | None) -> dict[str, str]:
    """The price before it was converted."""
    if price is None or exchange is None:
        return {}
    return {"original_price": str(price), "currency": exchange.currency}
