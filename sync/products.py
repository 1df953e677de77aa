"""Products, as far as messages show them: title, picture, page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from connector.models.store import products
from connector.scope import Scope
from sync import fetch


def want(scope: Scope, items: Sequence[Mapping[str, Any]]) -> None:
    """Ask the store for the products of these items that are not known yet."""
    ids = sorted({item["product_id"] for item in items if item["product_id"]})
    if not ids:
        return
    known = set(
        scope.connection.scalars(
            select(products.c.id).where(products.c.shop_id == scope.shop_id, products.c.id.in_(ids))
        )
    )
    for product_id in ids:
        if product_id not in known:
            fetch.wish(scope, "Product", product_id)


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a product as the store's GraphQL tells it (queries/products.graphql)."""
    media = node.get("featuredMedia") or {}
    image = (media.get("preview") or {}).get("image") or media.get("image") or {}
    told = node.get("updatedAt")
    values = {
        "title": node.get("title") or "",
        "url": node.get("onlineStoreUrl"),
        "image_url": image.get("url"),
        "source_updated_at": datetime.fromisoformat(told) if told else None,
    }
    statement = insert(products).values(shop_id=scope.shop_id, id=int(str(node["id"]).rsplit("/", 1)[-1]), **values)
    scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "id"], set_=values))
