"""What computed values are made from, read for all persons of a batch at once: one statement for each need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, text

from connector.shops import Shop
from flows.core.rfm import Borders
from sync.profile_values.value import Known, LastOrder, Orders

# Orders that nobody sees by: cancelled, deleted, or kept out by the shop's settings (sync.order_events.exclusion).
_COUNTS = """orders.shop_id = :shop_id AND orders.person_id = asked.person_id
        AND orders.cancelled_at IS NULL AND orders.deleted_at IS NULL AND (:tests OR NOT orders.test)
        AND (:pos OR orders.source_name IS DISTINCT FROM 'pos')
        AND (:drafts OR orders.source_name IS DISTINCT FROM 'shopify_draft_order')"""

_ORDERS = text(
    f"""
SELECT asked.person_id, sums.count, sums.first_at, sums.last_at, newest.id, newest.name, newest.total, newest.items,
    coded.code
FROM unnest(CAST(:ids AS bigint[])) AS asked (person_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(created_at) AS first_at, max(created_at) AS last_at FROM orders WHERE {_COUNTS}
) AS sums
LEFT JOIN LATERAL (
    SELECT id, name, total, items FROM orders WHERE {_COUNTS} ORDER BY created_at DESC, id DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT discount_codes ->> -1 AS code FROM orders WHERE {_COUNTS} AND discount_codes <> '[]'
    ORDER BY created_at DESC, id DESC LIMIT 1
) AS coded ON true
"""  # noqa: S608  of this module's own words only
)

# Of the newest orders, which says more of somebody than what they bought years ago.
_LOOKED_AT = 100
_FAVOURITES = text(
    f"""
WITH line AS MATERIALIZED (
    SELECT asked.person_id, newest.created_at, products.product_type, products.vendor, products.collection_ids,
        coalesce(CAST(item ->> 'current_quantity' AS bigint), CAST(item ->> 'quantity' AS bigint), 1) AS quantity
    FROM unnest(CAST(:ids AS bigint[])) AS asked (person_id)
    CROSS JOIN LATERAL (
        SELECT created_at, items FROM orders WHERE {_COUNTS} ORDER BY created_at DESC, id DESC LIMIT {_LOOKED_AT}
    ) AS newest
    CROSS JOIN LATERAL jsonb_array_elements(newest.items) AS item
    JOIN products ON products.shop_id = :shop_id AND products.id = CAST(item ->> 'product_id' AS bigint)
), told AS (
    SELECT person_id, 'product_type' AS what, product_type AS name, quantity, created_at FROM line
    UNION ALL SELECT person_id, 'vendor', vendor, quantity, created_at FROM line
    UNION ALL SELECT person_id, 'collection', collections.title, quantity, line.created_at FROM line
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(collection_ids) WHEN 'array' THEN collection_ids ELSE '[]' END
    ) AS held (id)
    JOIN collections ON collections.shop_id = :shop_id AND collections.id = CAST(held.id AS bigint)
        AND collections.deleted_at IS NULL
)
SELECT DISTINCT ON (person_id, what) person_id, what, name
FROM told WHERE name <> '' AND quantity > 0
GROUP BY person_id, what, name
ORDER BY person_id, what, sum(quantity) DESC, max(created_at) DESC, name
"""  # noqa: S608  of this module's own words only
)

_OBJECTED = text(
    "SELECT person_id FROM consents WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[]))"
    " AND purpose = 'profiling' AND state = 'unsubscribed'"
)
_BORDERS = text("SELECT borders FROM profile_passes WHERE shop_id = :shop_id")


def read(
    connection: Connection, shop: Shop, people: Mapping[int, Mapping[str, Any]], needs: Collection[str | None]
) -> dict[int, Known]:
    """What is known of ``people`` ({id: row of ``persons``}), as far as it is needed."""
    asked = {
        "shop_id": shop.id,
        "ids": list(people),
        "tests": shop.settings["include_test_orders"],
        "pos": shop.settings["include_pos_orders"],
        "drafts": shop.settings["include_draft_orders"],
    }
    orders: dict[int, Orders] = {}
    if "orders" in needs:
        orders = {row.person_id: _orders(row) for row in connection.execute(_ORDERS, asked)}
    favourites: dict[int, dict[str, str]] = {}
    if "favourites" in needs:
        for row in connection.execute(_FAVOURITES, asked):
            favourites.setdefault(row.person_id, {})[row.what] = row.name
    borders = Borders()
    if "borders" in needs:
        borders = Borders.of(connection.scalar(_BORDERS, {"shop_id": shop.id}))
    return {
        person_id: Known(row, orders.get(person_id, Orders()), favourites.get(person_id, {}), borders)
        for person_id, row in people.items()
    }


def objectors(connection: Connection, shop: Shop, ids: Collection[int]) -> frozenset[int]:
    """Those of these people who objected to being put into groups by what they did."""
    return frozenset(connection.scalars(_OBJECTED, {"shop_id": shop.id, "ids": list(ids)}))


def _orders(row: Any) -> Orders:
    newest = None
    if row.id is not None:
        titles = (item.get("title") for item in row.items if item.get("current_quantity") != 0)
        newest = LastOrder(row.id, row.name, row.total, tuple(title for title in titles if title))
    return Orders(row.count, row.first_at, row.last_at, newest, row.code)
