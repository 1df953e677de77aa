"""``checkout`` and ``cart``: what somebody left behind, at the prices of now.

A line keeps the price that the store told with the cart, which may be a market's own, unless the variant's price has
moved since; then the total is what only the checkout can say. Either root stands in for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select

from connector.db.rows import among
from connector.models.store import carts
from connector.scope import Scope
from flows.engine.sources import goods
from flows.engine.sources.goods import Product
from flows.engine.sources.source import Source, Wanted


def _read(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    left = {one.id: one.person.checkouts.get(one.run.key) for one in wanted}
    tokens = {one.id: one.run.trigger.get("cart_token") for one in wanted if not left[one.id]}
    held = _carts(scope, [token for token in tokens.values() if token])
    left |= {message_id: held[token] for message_id, token in tokens.items() if token in held}
    found = {message_id: one for message_id, one in left.items() if one}
    known = goods.of_lines(scope, (line for one in found.values() for line in one["items"]))
    return {message_id: repriced(one, known, scope.shop.currency) for message_id, one in found.items()}


def _carts(scope: Scope, tokens: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not tokens:
        return {}
    rows = scope.connection.execute(_CARTS, {"shop_id": scope.shop_id, "tokens": sorted(set(tokens))})
    return {row.token: _cart(scope, row._mapping) for row in rows}


def _cart(scope: Scope, row: Mapping[Any, Any]) -> dict[str, Any]:
    named = [(line["variant_id"], line.get("quantity") or 1) for line in row["items"] if line.get("variant_id")]
    return {
        "items": row["items"],
        "total": str(row["total"]),
        "currency": row["currency"] or scope.shop.currency,
        "recovery_url": goods.cart_url(scope, named) if len(named) == len(row["items"]) else None,
        "source_updated_at": row["source_updated_at"].isoformat(),
    }


_CARTS = select(carts.c.token, carts.c["items"], carts.c.total, carts.c.currency, carts.c.source_updated_at).where(
    carts.c.shop_id == bindparam("shop_id"), among(carts.c.token, "tokens")
)


def repriced(left: Mapping[str, Any], known: Mapping[int, Product], currency: str) -> dict[str, Any]:
    """The checkout or cart with what is known now of its lines. ``currency``: that of the shop's prices; lines in
    another keep theirs."""
    filled_at = datetime.fromisoformat(left["source_updated_at"])
    same = left["currency"] == currency
    lines = [_line(line, known.get(line.get("product_id")), filled_at, same) for line in left["items"]]
    changed = any(line["price"] != was.get("price") for line, was in zip(lines, left["items"], strict=True))
    return {**left, "items": lines, **({"total_changed": True} if changed else {})}


def _line(line: Mapping[str, Any], product: Product | None, filled_at: datetime, same: bool) -> dict[str, Any]:
    if product is None:
        return {"url": None, "image_url": None, **line, "known_at": filled_at.isoformat()}
    variant = next((one for one in product.variants if one.id == line.get("variant_id")), None)
    known = max(one for one in (filled_at, variant.known_at if variant else None) if one is not None)
    told = {
        **line,
        "url": product.url,
        "image_url": product.image_url,
        "sold_out": not product.sold or (variant is not None and variant.sold_out),
        "known_at": known.isoformat(),
    }
    price = variant.price if variant and same else None
    moved = variant is not None and variant.price_moved_since(filled_at)
    if price is None or not moved or Decimal(str(line["price"])) == price:
        return told
    return {**told, "price": str(price), "line_price": str(price * (line.get("quantity") or 1))}


CHECKOUT = Source(("checkout",), _read)
CART = Source(("cart",), _read)
