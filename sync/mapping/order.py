"""An order as the body of Brevo's POST /orders/status (shape: Brevo's OpenAPI description, 2026)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sync.currency import Exchange

# Line items that are no product of the catalogue: fees, custom items of staff.
CUSTOM_ITEM = "custom-item"


def worth(order: Mapping[str, Any]) -> Decimal:
    """What is left of an order (a row of ``orders``) after edits, returned items and money given back."""
    if order["cancelled_at"] or order["deleted_at"]:
        return Decimal(0)
    left = order["total"] if order["gross"] is None else min(order["total"], order["gross"] - order["refunded"])
    return max(Decimal(left), Decimal(0))


def status(order: Mapping[str, Any]) -> str:
    """Brevo takes any text. Ours: deleted, cancelled, else the store's financial status (paid, refunded ...)."""
    if order["deleted_at"]:
        return "deleted"
    if order["cancelled_at"]:
        return "cancelled"
    return str(order["financial_status"] or "pending")


def body(
    order: Mapping[str, Any], identifiers: Mapping[str, str], store: str, exchange: Exchange | None = None
) -> dict[str, Any]:
    """``order``: a row of ``orders``; ``identifiers``: of the contact whose it is, if anybody's; ``store``: the shop;
    ``exchange``: into the account's currency, if that is another one, as Brevo's orders carry none.

    The amount is what the order is worth now, so that sums over orders stay true whatever Brevo makes of a status.
    Nothing that is unknown is sent.
    """
    money = float if exchange is None else exchange.amount
    sent = {
        "id": str(order["id"]),
        "createdAt": moment(order["created_at"]),
        "updatedAt": moment(order["source_updated_at"]),
        "status": status(order),
        "amount": money(worth(order)),
        "products": products(order["items"], money),
        "identifiers": dict(identifiers) or None,
        "billing": _billing(order),
        "coupons": list(order["discount_codes"]) or None,
        "storeId": store,
        "metaInfo": _meta(order) | (_original(order, exchange) if exchange else {}),
    }
    return {name: value for name, value in sent.items() if value is not None}


def products(items: Sequence[Mapping[str, Any]], money: Callable[[Any], float] = float) -> list[dict[str, Any]]:
    """What is in an order, without the items that were taken out again."""
    listed = []
    for item in items:
        quantity = item.get("current_quantity", item.get("quantity"))
        if quantity == 0:
            continue
        one = {
            "productId": str(item["product_id"]) if item.get("product_id") else CUSTOM_ITEM,
            "price": money(item.get("price") or 0),
            "quantity": int(quantity if quantity is not None else 1),
        }
        if item.get("variant_id"):
            one["variantId"] = str(item["variant_id"])
        listed.append(one)
    return listed


def _billing(order: Mapping[str, Any]) -> dict[str, str] | None:
    told = order["billing"] or {}
    fields = {
        "address": told.get("address"),
        "city": told.get("city"),
        "region": told.get("region"),
        "postCode": told.get("postcode"),
        "country": told.get("country"),
        "countryCode": told.get("country_code"),
        "phone": told.get("phone"),
        "paymentMethod": order["payment_method"],
    }
    return {name: str(value) for name, value in fields.items() if value} or None


def _meta(order: Mapping[str, Any]) -> dict[str, str]:
    fields = {
        "name": order["name"],
        "currency": order["currency"],
        "financial_status": order["financial_status"],
        "fulfillment_status": order["fulfillment_status"],
        "refunded": str(order["refunded"]) if order["refunded"] else None,
        "source": order["source_name"],
    }
    return {name: str(value) for name, value in fields.items() if value}


def _original(order: Mapping[str, Any], exchange: Exchange) -> dict[str, str]:
    """What the amount was before it was converted; ``currency`` and ``refunded`` beside it are the original's too."""
    return {"original_amount": str(worth(order)), "rate": f"{float(exchange.rate):.8g} {exchange.counted_in}"}


def moment(at: datetime) -> str:
    """UTC as Brevo writes it for orders: YYYY-MM-DDTHH:mm:ssZ."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
