"""Orders. Brevo lists orders but does not answer for a single one (GET /orders, Brevo's OpenAPI description 2026), so
what it has of one is known by the version that it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from connector.errors import InvalidInput
from connector.shops import Shop
from sync.copies import order
from sync.reruns.entities.entity import Entity, Held, Row, Where, by_the_stores_id, kept_in, quoted, record_number
from sync.reruns.entities.persons import living
from sync.reruns.entities.snapshots import snapshots

_SHOWN = (
    "name", "email", "total", "gross", "refunded", "currency", "financial_status", "fulfillment_status",
    "discount_codes", "payment_method", "source_name", "test", "created_at", "cancelled_at", "closed_at",
)  # fmt: skip
_NAMES = {"name": "name", "total": "amount", "financial_status": "status", "items": "products", "billing": "billing"}
# What staff write is the order's name when it is shorter than any id of the store's.
_SHORTEST_ID = 9

_HELD = text("SELECT id, version, person_id FROM orders WHERE shop_id = :shop_id AND id = ANY(:ids)")
_ROWS = text("SELECT * FROM orders WHERE shop_id = :shop_id AND id = ANY(:ids)")


def _of_person(connection: Connection, shop_id: int, person_id: int) -> Where:
    row = living(connection, shop_id, person_id)
    terms = [f"customer_id:{row.customer_id}"] if row.customer_id is not None else []
    # Guests order under an address only.
    terms += [f"email:{quoted(row.email)}"] if row.email else []
    if not terms:
        raise InvalidInput("Nothing is known of this person that the store could find orders by.")
    return Where(search=" OR ".join(terms))


def _named(written: str) -> Where:
    number = record_number(written, "Order")
    if number is not None and (written.strip().startswith("gid:") or len(str(number)) >= _SHORTEST_ID):
        return Where(ids=(number,))
    name = written.strip().removeprefix("#")
    if not name:
        raise InvalidInput("An order is named by the store's id or by its number, for example #1001.")
    return Where(search=f"name:{quoted(name)}")


def _held(connection: Connection, shop_id: int, ids: Sequence[int]) -> dict[int, Held]:
    rows = connection.execute(_HELD, {"shop_id": shop_id, "ids": list(ids)})
    return {row.id: Held(row.id, row.version, row.person_id) for row in rows}


def _rows(connection: Connection, shop: Shop, held: Mapping[int, Held]) -> dict[int, Row]:
    found = snapshots(connection, shop, "order", held, order.read)
    rows = {}
    for kept in connection.execute(_ROWS, {"shop_id": shop.id, "ids": list(held)}).mappings():
        snapshot = found[kept["id"]]
        # An order that waits for its contact will be told once that is there.
        untold = snapshot.nothing if snapshot.waits_for is None or snapshot.hopeless else None
        rows[kept["id"]] = Row(
            label=kept["name"] or str(kept["id"]),
            ours={**{name: kept[name] for name in _SHOWN}, "items": _items(kept["items"])},
            told=snapshot.body or {},
            untold=untold,
        )
    return rows


def _items(items: Sequence[Mapping[str, Any]]) -> str:
    counts = [(one.get("current_quantity", one.get("quantity")), one.get("title")) for one in items]
    return ", ".join(f"{count} x {title}" for count, title in counts)


ORDERS = Entity(
    name="orders",
    kind="Order",
    copy="order",
    listing="changed_orders",
    root="orders",
    count="count_orders",
    count_root="ordersCount",
    of_person=_of_person,
    named=_named,
    held=_held,
    rows=_rows,
    records=by_the_stores_id(_held),
    names=lambda shop: _NAMES,
    kept=kept_in("orders", person_id="person_id"),
)
