"""Stock: how much there is at each location, and when a variant comes and goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.store import inventory_levels, variants
from connector.scope import Scope
from sync import fetch, products
from sync import variants as catalogue
from sync.catalogue_signals import noticing
from sync.node_values import number


def counted(scope: Scope, level: Mapping[str, Any], at: datetime) -> None:
    """Apply an inventory level: what is available of an item at one location, None when it is not tracked there.

    The sum over all locations is read with the product: an app may not be told of every location.
    """
    item_id, location_id, available = level["inventory_item_id"], level["location_id"], level["available"]
    mine = (
        inventory_levels.c.shop_id == scope.shop_id,
        inventory_levels.c.inventory_item_id == item_id,
        inventory_levels.c.location_id == location_id,
    )
    held = scope.connection.execute(select(inventory_levels).where(*mine)).mappings().first()
    updated_at = level["updated_at"] or at
    if held is not None and updated_at < held["source_updated_at"]:
        return
    values = {"available": available, "source_updated_at": updated_at}
    key = {"shop_id": scope.shop_id, "inventory_item_id": item_id, "location_id": location_id}
    statement = insert(inventory_levels).values(**key, **values)
    scope.connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
    if held is not None and held["available"] == available:
        return
    variant = _of_item(scope, item_id)
    if variant is None:
        fetch.wish(scope, "InventoryItem", item_id, urgent=False)
    else:
        fetch.wish(scope, "Product", variant["product_id"], urgent=False)
    if held is not None:
        _tell_change(scope, level, held["available"], variant, updated_at)


def _tell_change(
    scope: Scope, level: Mapping[str, Any], before: int | None, variant: RowMapping | None, at: datetime
) -> None:
    """The first word of a level is no change."""
    item_id, location_id = level["inventory_item_id"], level["location_id"]
    subject = f"variant:{variant['id']}" if variant else f"inventory_item:{item_id}"
    props = {
        "inventory_item_id": item_id,
        "location_id": location_id,
        "variant_id": variant["id"] if variant else None,
        "product_id": variant["product_id"] if variant else None,
        "old": before,
        "new": level["available"],
    }
    identity = f"inventory:{item_id}:{location_id}:{at.isoformat()}:{level['available']}"
    key = str(variant["product_id"]) if variant else None
    eventlog.append(scope, [Fact("inventory_changed", identity, at, subject, key=key, props=props)])


def _of_item(scope: Scope, item_id: int) -> RowMapping | None:
    query = select(variants.c.id, variants.c.product_id).where(
        variants.c.shop_id == scope.shop_id, variants.c.inventory_item_id == item_id
    )
    return scope.connection.execute(query).mappings().first()


def reported(scope: Scope, event: str, variant: Mapping[str, Any], at: datetime) -> None:
    """The store says that a variant is in stock again, or no longer."""
    told_at = variant["updated_at"] or at
    product_id = variant["product_id"]
    changes = catalogue.project(scope, product_id, [variant], told_at)
    props = {
        "product_id": product_id,
        "variant_id": variant["id"],
        "variant_title": variant["title"],
        "sku": variant["sku"],
        "price": None if variant["price"] is None else str(variant["price"]),
        "inventory_quantity": variant["inventory_quantity"],
    }
    subject = f"variant:{variant['id']}"
    fact = Fact(event, f"{subject}:{told_at.isoformat()}", told_at, subject, key=str(product_id), props=props)
    eventlog.append(scope, [fact, *changes.facts({"product_id": product_id}, told_at)])
    noticing.notice(scope, product_id, changes, told_at, reported={event: variant["id"]})
    products.want(scope, [variant])
    if changes.any:
        products.touch(scope, product_id)


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Whose inventory item this is (queries/inventory_items.graphql): that product is read next."""
    for variant in (node.get("variants") or {}).get("nodes") or ():
        fetch.wish(scope, "Product", number(variant["product"]["id"]))
