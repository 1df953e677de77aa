"""``order``, ``tracking`` and ``person.last_order``: what was bought, where it is, and how to have it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, bindparam, select, text

from connector.db.rows import among
from connector.models.store import fulfillments, orders
from connector.scope import Scope
from flows.engine.sources import goods
from flows.engine.sources.goods import Product
from flows.engine.sources.source import Source, Wanted


def _of_runs(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    asked = {one.id: order_id for one in wanted if (order_id := _order_of(one)) is not None}
    rows = scope.connection.execute(_ORDERS, {"shop_id": scope.shop_id, "ids": sorted(set(asked.values()))})
    held = {row["id"]: row for row in rows.mappings()}
    found = {message_id: held[order_id] for message_id, order_id in asked.items() if order_id in held}
    return _shown(scope, found)


def _order_of(one: Wanted) -> int | None:
    order_id = one.run.trigger.get("order_id")
    return order_id if isinstance(order_id, int) else None


_COLUMNS = (
    orders.c.id,
    orders.c.name,
    orders.c.total,
    orders.c.currency,
    orders.c["items"],
    orders.c.status_url,
    orders.c.created_at,
    orders.c.person_id,
)
_ORDERS = select(*_COLUMNS).where(orders.c.shop_id == bindparam("shop_id"), among(orders.c.id, "ids"))


def _last(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    people = sorted({one.person_id for one in wanted})
    rows = scope.connection.execute(_LAST, {"shop_id": scope.shop_id, "people": people})
    held = {row["person_id"]: row for row in rows.mappings()}
    return _shown(scope, {one.id: held[one.person_id] for one in wanted if one.person_id in held})


_LAST = text(
    """
SELECT newest.* FROM unnest(CAST(:people AS bigint[])) AS asked (id)
CROSS JOIN LATERAL (
    SELECT id, name, total, currency, items, status_url, created_at, person_id FROM orders
    WHERE shop_id = :shop_id AND person_id = asked.id AND NOT test AND cancelled_at IS NULL AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT 1
) AS newest
"""
)


def _shown(scope: Scope, rows: Mapping[int, RowMapping]) -> dict[int, dict[str, Any]]:
    known = goods.of_lines(scope, (line for row in rows.values() for line in row["items"]))
    return {message_id: _order(scope, row, known) for message_id, row in rows.items()}


def _order(scope: Scope, row: RowMapping, known: Mapping[int, Product]) -> dict[str, Any]:
    lines = [_line(line, known.get(line.get("product_id"))) for line in row["items"]]
    # What was sent back, or taken out of the order, is no part of it any more.
    lines = [line for line in lines if line["quantity"]]
    again = [(line["variant_id"], line["quantity"]) for line in lines if line["variant_id"] and not line["gone"]]
    return {
        "name": row["name"],
        "total": str(row["total"]),
        "currency": row["currency"],
        "placed_at": row["created_at"].isoformat(),
        "items": lines,
        "status_url": row["status_url"],
        "reorder_url": goods.cart_url(scope, again),
    }


def _line(line: Mapping[str, Any], product: Product | None) -> dict[str, Any]:
    quantity = line.get("current_quantity")
    quantity = line.get("quantity") or 0 if quantity is None else quantity
    variant = next((one for one in product.variants if one.id == line.get("variant_id")), None) if product else None
    return {
        **line,
        "variant_id": line.get("variant_id"),
        "quantity": quantity,
        "url": product.url if product else None,
        "image_url": product.image_url if product else None,
        # Whether it could be bought again; what was bought is not called sold out in a message about the order.
        "known_at": variant.known_at.isoformat() if variant and variant.known_at else None,
        "gone": product is not None and (not product.sold or (variant.sold_out if variant else product.sold_out)),
    }


def _tracking(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    asked = {one.id: order_id for one in wanted if (order_id := _order_of(one)) is not None}
    rows = scope.connection.execute(_PARCELS, {"shop_id": scope.shop_id, "ids": sorted(set(asked.values()))})
    newest: dict[int, Any] = {}
    named: dict[int, Any] = {}
    for row in rows:
        newest[row.order_id] = named[row.id] = row
    found = {}
    for one in wanted:
        parcel = named.get(one.run.trigger.get("fulfillment_id", 0)) or newest.get(asked.get(one.id, 0))
        if parcel is not None:
            found[one.id] = {
                "company": parcel.tracking_company,
                "number": parcel.tracking_number,
                "url": parcel.tracking_url,
                "estimated_at": parcel.estimated_at.isoformat() if parcel.estimated_at else None,
            }
    return found


_PARCELS = (
    select(
        fulfillments.c.id,
        fulfillments.c.order_id,
        fulfillments.c.tracking_company,
        fulfillments.c.tracking_number,
        fulfillments.c.tracking_url,
        fulfillments.c.estimated_at,
    )
    .where(fulfillments.c.shop_id == bindparam("shop_id"), among(fulfillments.c.order_id, "ids"))
    .order_by(fulfillments.c.created_at, fulfillments.c.id)
)

ORDER = Source(("order",), _of_runs)
TRACKING = Source(("tracking",), _tracking)
LAST_ORDER = Source(("person", "last_order"), _last)
