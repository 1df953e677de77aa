"""What the store sends, in the shapes of API version 2026-10: checkouts without an id, orders without a checkout id,
customers without consent, tags or counts. Only what the product reads is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

JSON = dict[str, Any]
# Larger than 2^53: an id that passes through a float is another id.
BIG = 9_007_199_254_740_993


def line(title: str = "Enamel camping mug", price: str = "14.90", quantity: int = 1, product_id: int = 101) -> JSON:
    return {
        "product_id": product_id,
        "variant_id": product_id * 10,
        "title": title,
        "presentment_title": title,
        "variant_title": "",
        "sku": f"SKU-{product_id}",
        "quantity": quantity,
        "price": price,
        "line_price": f"{float(price) * quantity:.2f}",
    }


def customer(customer_id: int, email: str | None, updated: datetime, **fields: Any) -> JSON:
    """Body of customers/create and customers/update."""
    return {
        "id": customer_id,
        "email": email,
        "phone": None,
        "first_name": None,
        "last_name": None,
        "created_at": updated.isoformat(),
        "updated_at": updated.isoformat(),
        "default_address": None,
        **fields,
    }


def embedded(customer_id: int, email: str | None, **fields: Any) -> JSON:
    """The customer inside a checkout or an order, where times are null."""
    return {"id": customer_id, "email": email, "created_at": None, "updated_at": None, **fields}


def consent(customer_id: int, email: str, state: str, updated: datetime | None, **fields: Any) -> JSON:
    """Body of customers_email_marketing_consent/update."""
    told = {
        "state": state,
        "opt_in_level": "single_opt_in",
        "consent_updated_at": updated.isoformat() if updated else None,
    }
    return {"customer_id": customer_id, "email_address": email, "email_marketing_consent": told, **fields}


def checkout(
    token: str,
    email: str | None,
    created: datetime,
    updated: datetime | None = None,
    *,
    items: Sequence[JSON] | None = None,
    **fields: Any,
) -> JSON:
    """Body of checkouts/create and checkouts/update."""
    lines = [line()] if items is None else list(items)
    return {
        "token": token,
        "cart_token": f"cart-{token}",
        "email": email,
        "buyer_accepts_marketing": False,
        "created_at": created.isoformat(),
        "updated_at": (updated or created).isoformat(),
        "completed_at": None,
        "currency": "EUR",
        "presentment_currency": "EUR",
        "total_price": f"{sum(float(entry['line_price']) for entry in lines):.2f}",
        "abandoned_checkout_url": f"https://goods.example/checkouts/{token}/recover",
        "line_items": lines,
        "customer": None,
        **fields,
    }


def order(
    order_id: int,
    email: str | None,
    created: datetime,
    *,
    token: str | None = None,
    updated: datetime | None = None,
    **fields: Any,
) -> JSON:
    """Body of orders/create, updated, paid and cancelled. ``token``: of the checkout it came from."""
    return {
        "id": order_id,
        "name": f"#{order_id}",
        "email": email,
        "contact_email": email,
        "checkout_token": token,
        "cart_token": f"cart-{token}" if token else None,
        "buyer_accepts_marketing": False,
        "test": False,
        "source_name": "web",
        "created_at": created.isoformat(),
        "updated_at": (updated or created).isoformat(),
        "cancelled_at": None,
        "currency": "EUR",
        "total_price": "14.90",
        "current_total_price": "14.90",
        "financial_status": "paid",
        "fulfillment_status": None,
        "discount_codes": [],
        "line_items": [line()],
        "customer": None,
        **fields,
    }


def reported(event: str, email: str, at: datetime, **fields: Any) -> JSON:
    """One of Brevo's transactional webhooks."""
    return {"event": event, "email": email, "ts_epoch": int(at.timestamp() * 1000), **fields}
