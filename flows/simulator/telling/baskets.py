"""Carts and checkouts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flows.simulator.telling.told import ITEM, Tell, Told, each


def _checkout(told: Told) -> None:
    who, name = told.shopper, told.happening.name
    fill_basket(told)
    fresh = name == "checkout_started" or who.open_checkout is None
    token = told.props.get("checkout_token") or (None if fresh else who.open_checkout)
    token = token or f"checkout-{who.id}-{who.number('checkout')}"
    told.fill(
        checkout_token=token,
        cart_token=None,
        recovery_url=f"https://shop.example/recover/{token}",
        changed_at=told.at.isoformat(),
    )
    known = who.checkouts.get(token)
    # The newest is the last one.
    who.checkouts.pop(token, None)
    who.checkouts[token] = {
        **{field: told.props[field] for field in ("items", "total", "currency", "recovery_url", "cart_token")},
        "token": token,
        "source_updated_at": told.at.isoformat(),
        "created_at": known["created_at"] if known else told.at.isoformat(),
        "completed_at": None,
        "deleted_at": None,
    }
    if (cart := who.carts.get(told.props["cart_token"] or "")) is not None:
        cart["taken_further"] = True
    told.tell(name, f"checkout:{token}", token)


def _end_of_checkout(told: Told) -> None:
    who, name = told.shopper, told.happening.name
    token = told.props.get("checkout_token") or who.open_checkout
    if token is None:
        raise ValueError(f"{name}: there is no checkout that this could be about")
    known = who.checkouts.get(token, {})
    told.fill(checkout_token=token, **{field: known.get(field) for field in ("cart_token", "items", "total")})
    if known:
        known["completed_at" if name == "checkout_completed" else "deleted_at"] = told.at.isoformat()
    told.tell(name, f"checkout:{token}", token)


def _cart(told: Told) -> None:
    who, name = told.shopper, told.happening.name
    fill_basket(told)
    token = told.props.get("cart_token") or (next(reversed(who.carts), None) if name != "cart_created" else None)
    token = token or f"cart-{who.id}-{who.number('cart')}"
    told.fill(cart_token=token, changed_at=told.at.isoformat())
    who.carts[token] = {
        "token": token,
        **{field: told.props[field] for field in ("items", "total", "currency")},
        "source_updated_at": told.at.isoformat(),
        "taken_further": any(one["cart_token"] == token for one in who.checkouts.values()),
    }
    told.tell(name, f"cart:{token}", token)


def _cleared(told: Told) -> None:
    """A cart that a checkout was begun with is cleared together with it."""
    who = told.shopper
    checkout = told.props.get("checkout_token") or who.open_checkout
    cart = told.props.get("cart_token") or next(reversed(who.carts), None)
    told.fill(cart_token=cart, items=[], total="0.00", currency=told.currency)
    for known in (who.carts.get(cart or ""), who.checkouts.get(checkout or "")):
        if known is not None:
            known |= {"items": [], "total": "0.00", "source_updated_at": told.at.isoformat()}
    key = checkout or cart
    if checkout:
        told.fill(checkout_token=checkout)
    told.tell("cart_cleared", f"cart:{cart or key}", key)


def fill_basket(told: Told) -> None:
    """What is in a cart, and what it costs together."""
    items = told.props.get("items")
    items = [dict(ITEM)] if items is None else [_item(one) for one in items]
    told.props["items"] = items
    total = sum((Decimal(one["line_price"]) for one in items), Decimal(0))
    told.props["total"] = str(told.props.get("total", f"{total:.2f}"))
    told.fill(currency=told.currency)


def _item(given: Mapping[str, Any]) -> dict[str, Any]:
    item = {**ITEM, **given}
    if "line_price" not in given:
        item["line_price"] = f"{Decimal(str(item['price'])) * int(item['quantity']):.2f}"
    return item


TELLS: Mapping[str, Tell] = {
    **each(("checkout_started", "checkout_updated"), _checkout),
    **each(("checkout_completed", "checkout_deleted"), _end_of_checkout),
    **each(("cart_created", "cart_updated"), _cart),
    "cart_cleared": _cleared,
}
