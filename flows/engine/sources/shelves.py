"""What the shop sells most, in all and by category: drawn from its orders once a day while messages show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import bindparam, select, text

from connector.db.rows import replacing
from connector.models.shown import shelves
from connector.scope import Scope

WHOLE_SHOP = ""
GOOD_FOR = timedelta(days=1)
SOLD_WITHIN = timedelta(days=90)
# The newest orders that are counted: of a larger shop they say as much as all.
_MOST_ORDERS = 20_000
# On one shelf; more than a message shows, because some of them will be sold out.
_PLACES = 24


def read(scope: Scope) -> Mapping[str, Sequence[int]]:
    """{category: product ids, the best seller first}; empty as long as none were drawn."""
    return scope.connection.scalar(_READ, {"shop_id": scope.shop_id}) or {}


_READ = select(shelves.c.bestsellers).where(shelves.c.shop_id == bindparam("shop_id"))
_DRAWN = select(shelves.c.drawn_at).where(shelves.c.shop_id == bindparam("shop_id"))


def see_to(scope: Scope) -> None:
    """Draw them if they are older than a day."""
    drawn_at = scope.connection.scalar(_DRAWN, {"shop_id": scope.shop_id})
    if drawn_at is not None and drawn_at > scope.now - GOOD_FOR:
        return
    given = {
        "shop_id": scope.shop_id,
        "since": scope.now - SOLD_WITHIN,
        "orders": _MOST_ORDERS,
        "places": _PLACES,
    }
    found: dict[str, list[int]] = defaultdict(list)
    for row in scope.connection.execute(_SOLD, given):
        found[row.category].append(row.id)
    drawn = {"shop_id": scope.shop_id, "bestsellers": dict(found), "drawn_at": scope.now}
    scope.connection.execute(replacing(shelves, ("bestsellers", "drawn_at")), drawn)


# By how many orders had it, not by how many pieces: one large order makes no best seller. Orders' ids rise with time,
# so the newest are found by the key.
_SOLD = text(
    """
WITH recent AS (
    SELECT items FROM orders
    WHERE shop_id = :shop_id AND created_at > :since AND NOT test AND cancelled_at IS NULL AND deleted_at IS NULL
    ORDER BY id DESC LIMIT :orders
), sold AS (
    SELECT line.product_id AS id, count(*) AS times
    FROM recent CROSS JOIN LATERAL jsonb_to_recordset(recent.items) AS line (product_id bigint, quantity integer,
        current_quantity integer)
    WHERE line.product_id IS NOT NULL AND coalesce(line.current_quantity, line.quantity, 1) > 0
    GROUP BY line.product_id
), offered AS (
    SELECT products.id, coalesce(products.product_type, '') AS category, sold.times
    FROM sold JOIN products ON products.shop_id = :shop_id AND products.id = sold.id
    WHERE products.deleted_at IS NULL AND coalesce(products.status, 'active') = 'active'
), placed AS (
    SELECT id, category, row_number() OVER (PARTITION BY category ORDER BY times DESC, id) AS place
    FROM offered WHERE category <> ''
    UNION ALL
    SELECT id, '', row_number() OVER (ORDER BY times DESC, id) FROM offered
)
SELECT id, category, place FROM placed WHERE place <= :places ORDER BY category, place
"""
)
