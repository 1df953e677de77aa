"""The events of Brevo's own shop plugins: cart_updated, cart_deleted, order_completed.

Their properties are ``{id, data}``; the same id ties the three together. Seen in the plugins for nopCommerce, Magento
and Sylius, which agree on the names below; Brevo's help names the three events (article 360021501460). What our event
does not know is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

Props = Mapping[str, Any]


def cart(props: Props, shop: str, at: datetime) -> dict[str, Any]:
    """``props``: of our events about checkouts. An emptied cart has no items."""
    return {"id": _id(props), "data": _known({**_basket(props, shop), "url": props.get("recovery_url")})}


def order(props: Props, shop: str, at: datetime) -> dict[str, Any]:
    """``props``: of our events about orders."""
    about = {"id": _text(props.get("order_id")), "name": props.get("order_name"), "date": at.isoformat()}
    return {"id": _id(props), "data": _known({**_basket(props, shop), **about})}


SHAPES: Mapping[str, Callable[[Props, str, datetime], dict[str, Any]]] = {"cart": cart, "order": order}


def _id(props: Props) -> str:
    """An order without a checkout (placed by staff, at a till) has a cart of its own."""
    return f"cart:{props.get('checkout_token') or props.get('order_id')}"


def _basket(props: Props, shop: str) -> dict[str, Any]:
    items = [_item(item) for item in props.get("items") or ()]
    total = _number(props.get("total"))
    return {
        "affiliation": shop,
        "currency": props.get("currency"),
        "subtotal": float(sum(Decimal(str(item.get("line_price") or 0)) for item in props.get("items") or ())),
        "total": total,
        "revenue": total,
        "items": items,
    }


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return _known(
        {
            "id": _text(item.get("product_id")),
            "name": item.get("title"),
            "variant_id": _text(item.get("variant_id")),
            "variant_name": item.get("variant_title"),
            "sku": item.get("sku"),
            "price": _number(item.get("price")),
            "quantity": item.get("quantity"),
        }
    )


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
