"""Parts that several webhook bodies share: times, money, addresses, lines of orders."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.store.records import Address, Line, Order
from sandbox.store.shop import Shop


def amount(value: Decimal) -> str:
    return f"{value:.2f}"


def local_time(shop: Shop, at: float | None) -> str | None:
    """`at` in the shop's zone with its offset, whole seconds."""
    return None if at is None else datetime.fromtimestamp(int(at), shop.zone).isoformat()


def utc_millis(at: float) -> str:
    """`at` in UTC with milliseconds, as the newer topics write it."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def address(place: Address) -> dict[str, Any]:
    return {
        "first_name": place.first_name,
        "address1": place.address1,
        "phone": place.phone,
        "city": place.city,
        "zip": place.zip,
        "province": place.province,
        "country": place.country,
        "last_name": place.last_name,
        "address2": place.address2,
        "company": place.company,
        "latitude": None,
        "longitude": None,
        "name": place.name,
        "country_code": place.country_code,
        "province_code": place.province_code,
    }


def money_set(value: Decimal, currency: str, sale: Order | None = None) -> dict[str, Any]:
    """In the shop's currency, and in the one that `sale` was paid in."""
    ours = theirs = {"amount": amount(value), "currency_code": currency}
    if sale is not None and sale.presentment_currency is not None:
        theirs = {"amount": amount(value * sale.presentment_rate), "currency_code": sale.presentment_currency}
    return {"shop_money": ours, "presentment_money": dict(theirs)}


def variant_title(line: Line) -> str | None:
    return None if line.variant.title == "Default Title" else line.variant.title


def order_line(line: Line, currency: str, sale: Order | None = None) -> dict[str, Any]:
    """A line of an order, as orders, fulfilments and refunds show it; `sale` tells what is left of it."""
    variant = line.variant
    title = variant_title(line)
    left = line.quantity if sale is None else sale.left(line)
    open_ = line.quantity if sale is None else sale.unsent(line)
    return {
        "id": line.id,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{line.id}",
        "attributed_staffs": [],
        "current_quantity": left,
        "fulfillable_quantity": open_,
        "fulfillment_service": "manual",
        "fulfillment_status": None if open_ else "fulfilled",
        "gift_card": False,
        "grams": variant.grams,
        "name": f"{variant.product.title} - {title}" if title else variant.product.title,
        "price": amount(variant.price),
        "price_set": money_set(variant.price, currency, sale),
        "product_exists": True,
        "product_id": variant.product.id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": variant.sku,
        "taxable": True,
        "title": variant.product.title,
        "total_discount": "0.00",
        "total_discount_set": money_set(Decimal(0), currency, sale),
        "variant_id": variant.id,
        "variant_inventory_management": "shopify",
        "variant_title": title,
        "vendor": variant.product.vendor,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    }
