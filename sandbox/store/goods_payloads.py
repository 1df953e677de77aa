"""Webhook bodies about goods, field for field as Shopify's samples: products, variants, collections, stock, carts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.store.payload_parts import amount, local_time, money_set
from sandbox.store.records import Cart, Collection, Line, Product, Variant
from sandbox.store.shop import Shop

# Times in carts and in lists of variants are UTC with milliseconds.
LISTED_IN_FULL = 100


def _utc(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def product(shop: Shop, goods: Product) -> dict[str, Any]:
    """Body of products/create and products/update: all variants by id, the first hundred in full."""
    listed = goods.variants[:LISTED_IN_FULL]
    return {
        "admin_graphql_api_id": f"gid://shopify/Product/{goods.id}",
        "body_html": goods.description,
        "created_at": local_time(shop, goods.created_at),
        "handle": goods.handle,
        "id": goods.id,
        "product_type": goods.product_type,
        "published_at": local_time(shop, goods.created_at),
        "template_suffix": None,
        "title": goods.title,
        "updated_at": local_time(shop, goods.updated_at),
        "vendor": goods.vendor,
        "status": goods.status,
        "published_scope": "web",
        "tags": ", ".join(goods.tags),
        "variants": [variant(shop, one) | {"inventory_item_id": one.inventory_item_id} for one in listed],
        "options": [],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": f"gid://shopify/ProductVariant/{one.id}", "updated_at": _utc(goods.updated_at)}
            for one in goods.variants
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def variant(shop: Shop, one: Variant) -> dict[str, Any]:
    """Body of variants/in_stock and variants/out_of_stock."""
    goods = one.product
    return {
        "id": one.id,
        "product_id": goods.id,
        "title": one.title,
        "price": amount(one.price),
        "position": one.position,
        "inventory_policy": "deny",
        "compare_at_price": amount(one.compare_at_price) if one.compare_at_price is not None else None,
        "option1": one.title,
        "option2": None,
        "option3": None,
        "created_at": local_time(shop, goods.created_at),
        "updated_at": local_time(shop, goods.updated_at),
        "taxable": True,
        "barcode": None,
        "sku": one.sku,
        "inventory_quantity": one.inventory_quantity,
        "old_inventory_quantity": one.inventory_quantity,
        "admin_graphql_api_id": f"gid://shopify/ProductVariant/{one.id}",
        "image_id": None,
    }


def level(shop: Shop, one: Variant) -> dict[str, Any]:
    """Body of inventory_levels/update. The shop has one location."""
    item = one.inventory_item_id
    return {
        "inventory_item_id": item,
        "location_id": shop.location_id,
        "available": one.inventory_quantity,
        "updated_at": local_time(shop, one.product.updated_at),
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{shop.location_id}?inventory_item_id={item}",
    }


def collection(shop: Shop, one: Collection) -> dict[str, Any]:
    """Body of collections/create and collections/update."""
    return {
        "id": one.id,
        "handle": one.handle,
        "title": one.title,
        "updated_at": local_time(shop, one.updated_at),
        "body_html": "",
        "published_at": local_time(shop, one.created_at),
        "sort_order": "best-selling",
        "template_suffix": None,
        "published_scope": "web",
        "admin_graphql_api_id": f"gid://shopify/Collection/{one.id}",
    }


def cart(shop: Shop, one: Cart) -> dict[str, Any]:
    """Body of carts/create and carts/update."""
    return {
        "id": one.token,
        "token": one.token,
        "line_items": [_cart_line(shop, line) for line in one.lines],
        "note": None,
        "updated_at": _utc(one.updated_at),
        "created_at": _utc(one.created_at),
    }


def _cart_line(shop: Shop, line: Line) -> dict[str, Any]:
    variant, currency = line.variant, shop.settings.currency
    price, total = variant.price, line.total
    title = variant.product.title
    return {
        "id": variant.id,
        "properties": None,
        "quantity": line.quantity,
        "variant_id": variant.id,
        "key": f"{variant.id}:{line.id:032x}",
        "discounted_price": amount(price),
        "discounts": [],
        "gift_card": False,
        "grams": variant.grams,
        "line_price": amount(total),
        "original_line_price": amount(total),
        "original_price": amount(price),
        "price": amount(price),
        "product_id": variant.product.id,
        "sku": variant.sku,
        "taxable": True,
        "title": title if variant.title == "Default Title" else f"{title} - {variant.title}",
        "total_discount": "0.00",
        "vendor": variant.product.vendor,
        "discounted_price_set": money_set(price, currency),
        "line_price_set": money_set(total, currency),
        "original_line_price_set": money_set(total, currency),
        "price_set": money_set(price, currency),
        "total_discount_set": money_set(Decimal(0), currency),
        "parent_relationship": None,
    }
