"""Fulfilments: parcels of an order, sent and delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.store import fulfillments
from connector.scope import Scope
from sync import fetch, order_events, orders

DELIVERED = "delivered"
# On its way: the fulfilment service has done its part.
SHIPPED = "success"
_TRACKING = ("tracking_company", "tracking_number", "tracking_url")


def project(scope: Scope, order_id: int, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]] | None) -> None:
    """Apply a fulfilment as its own topics and orders tell it; ``items``: what is in the parcel, when that is told."""
    held = _held(scope, payload["id"])
    told_at = payload["updated_at"] or payload["created_at"] or scope.now
    row = {**held} if held else _new(scope, order_id, payload["id"], payload["created_at"] or told_at)
    if held is None or told_at >= held["source_updated_at"]:
        names = ("status", "created_at", *_TRACKING)
        row |= {name: payload[name] for name in names if payload[name] is not None}
        row["source_updated_at"] = told_at
    if payload["shipment_status"]:
        _move(row, payload["shipment_status"], payload.get("delivered_at") or told_at)
    _write(scope, held, row)
    _tell(scope, held, row, payload, items, told_at)


def moved(
    scope: Scope, order_id: int, fulfillment_id: int, status: str, at: datetime, expected: datetime | None = None
) -> None:
    """A carrier reports where the parcel is, and perhaps when it is expected."""
    held = _held(scope, fulfillment_id)
    row = {**held} if held else _new(scope, order_id, fulfillment_id, at)
    _move(row, status, at)
    row["estimated_at"] = expected or row["estimated_at"]
    _write(scope, held, row)
    _tell(scope, held, row, {"status": None, "shipment_status": status}, None, at)


def _move(row: dict[str, Any], status: str, at: datetime) -> None:
    """Delivered is the last word, whatever arrives after it; else the newest word holds."""
    if status == DELIVERED:
        row["delivered_at"] = min(at, row["delivered_at"] or at)
        row |= {"shipment_status": status, "moved_at": row["delivered_at"]}
    elif not row["delivered_at"] and (row["moved_at"] is None or at >= row["moved_at"]):
        row |= {"shipment_status": status, "moved_at": at}


def _held(scope: Scope, fulfillment_id: int) -> dict[str, Any] | None:
    if fulfillment_id in scope.ahead.parcels:
        return scope.ahead.parcels[fulfillment_id]
    query = select(fulfillments).where(fulfillments.c.shop_id == scope.shop_id, fulfillments.c.id == fulfillment_id)
    row = scope.connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def _new(scope: Scope, order_id: int, fulfillment_id: int, created_at: datetime) -> dict[str, Any]:
    empty = dict.fromkeys(column.name for column in fulfillments.c)
    known = {"id": fulfillment_id, "order_id": order_id, "created_at": created_at}
    return {**empty, "shop_id": scope.shop_id, **known, "source_updated_at": orders.UNTOLD}


def _write(scope: Scope, held: Mapping[str, Any] | None, row: Mapping[str, Any]) -> None:
    if row["id"] in scope.ahead.parcels:
        if held != row:
            scope.ahead.parcels[row["id"]] = dict(row)
            scope.write(fulfillments, row)
    elif held is None:
        scope.connection.execute(insert(fulfillments).values(dict(row)))
    elif held != row:
        mine = (fulfillments.c.shop_id == scope.shop_id) & (fulfillments.c.id == row["id"])
        scope.connection.execute(update(fulfillments).where(mine).values(dict(row)))


def _tell(
    scope: Scope,
    held: Mapping[str, Any] | None,
    row: Mapping[str, Any],
    told: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]] | None,
    at: datetime,
) -> None:
    """What this state says, whichever arrives first: shipped, moved, delivered."""
    order = orders.held_order(scope, row["order_id"])
    if order is None:
        fetch.wish(scope, "Order", row["order_id"])
    parcel = {"fulfillment_id": row["id"], **{name: row[name] for name in _TRACKING}}
    if items:
        parcel["items"] = list(items)
    part = f"fulfillment:{row['id']}"

    def of(name: str, identity: str, moment: datetime, **more: Any) -> Fact:
        return order_events.fact(
            scope, order, row["order_id"], name, f"{part}:{identity}", moment, **{**parcel, **more}
        )

    facts = []
    if SHIPPED in (told["status"], row["status"]):
        facts.append(of("order_shipped", "shipped", row["created_at"]))
    status, before = told["shipment_status"], held["shipment_status"] if held else None
    if status and status != before:
        facts.append(of("shipment_changed", f"{status}:{at.isoformat()}", at, old=before, new=status))
    if status == DELIVERED:
        facts.append(of("order_delivered", "delivered", row["delivered_at"] or at))
    eventlog.append(scope, facts)
