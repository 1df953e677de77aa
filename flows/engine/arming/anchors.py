"""What clocks of the past count from: whose it is, its key and when it was, for many people with one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, TextClause, text

from connector import whereabouts
from connector.shops import Shop
from connector.signal_settings import chosen
from flows.core.signals import Anchor


def _anchors(found: str, detail: str = "NULL") -> TextClause:
    """``found``: selects person_id, key, at and, where the clock needs more, ``detail`` of the people ``:ids``."""
    return text(
        f"SELECT found.person_id, found.key, found.at, {detail} AS detail,"  # noqa: S608
        " persons.seed, persons.country, persons.region, persons.phone, persons.timezone"
        f" FROM ({found}) AS found JOIN persons ON persons.shop_id = :shop_id AND persons.id = found.person_id"
        " ORDER BY found.person_id, found.key"
    )


def _of_person(moment: str) -> TextClause:
    return _anchors(
        f"SELECT id AS person_id, '' AS key, {moment} AS at FROM persons"  # noqa: S608
        f" WHERE shop_id = :shop_id AND id = ANY(CAST(:ids AS bigint[])) AND {moment} IS NOT NULL"
    )


ANCHORS: Mapping[str, TextClause] = {
    "last_order": _of_person("last_order_at"),
    "first_order": _of_person("first_order_at"),
    # A click, a visit, a login or an order; of whoever never gave any, since when they are known.
    "last_sign": _anchors(
        """
SELECT persons.id AS person_id, '' AS key, greatest(
    last_order_at, CAST(state -> 'signs' ->> 'click' AS timestamptz),
    CAST(state -> 'signs' ->> 'visit' AS timestamptz), CAST(state -> 'signs' ->> 'login' AS timestamptz),
    CASE WHEN last_order_at IS NULL THEN created_at END
) AS at
FROM persons LEFT JOIN activities ON activities.shop_id = persons.shop_id AND activities.person_id = persons.id
WHERE persons.shop_id = :shop_id AND persons.id = ANY(CAST(:ids AS bigint[]))
"""
    ),
    "loyalty_end": _anchors(
        """
SELECT person_id, '' AS key, expires_at AS at FROM loyalty_states
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[])) AND expires_at IS NOT NULL
"""
    ),
    # With something in it that nobody has bought since.
    "open_checkouts": _anchors(
        """
SELECT checkouts.person_id, checkouts.token AS key, checkouts.source_updated_at AS at
FROM checkouts JOIN persons ON persons.shop_id = checkouts.shop_id AND persons.id = checkouts.person_id
WHERE checkouts.shop_id = :shop_id AND checkouts.person_id = ANY(CAST(:ids AS bigint[]))
    AND checkouts.completed_at IS NULL AND checkouts.deleted_at IS NULL
    AND checkouts.total > 0 AND checkouts.items <> '[]'
    AND (persons.last_order_at IS NULL OR persons.last_order_at < checkouts.source_updated_at)
"""
    ),
    # The same of carts with which no checkout was begun.
    "open_carts": _anchors(
        """
SELECT identities.person_id, carts.token AS key, carts.source_updated_at AS at
FROM identities JOIN persons ON persons.shop_id = identities.shop_id AND persons.id = identities.person_id
JOIN carts ON carts.shop_id = identities.shop_id AND carts.token = identities.value
WHERE identities.shop_id = :shop_id AND identities.person_id = ANY(CAST(:ids AS bigint[])) AND identities.kind = 'cart'
    AND carts.total > 0 AND carts.items <> '[]' AND NOT EXISTS (
        SELECT FROM checkouts WHERE checkouts.shop_id = carts.shop_id AND checkouts.cart_token = carts.token
    )
    AND (persons.last_order_at IS NULL OR persons.last_order_at < carts.source_updated_at)
"""
    ),
    "unpaid_orders": _anchors(
        """
SELECT person_id, CAST(id AS text) AS key, created_at AS at FROM orders
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[])) AND NOT test
    AND financial_status IN ('pending', 'partially_paid') AND cancelled_at IS NULL AND deleted_at IS NULL
"""
    ),
    # Of each product that somebody has bought the last order.
    "purchases": _anchors(
        """
SELECT DISTINCT ON (orders.person_id, line.product_id)
    orders.person_id, CAST(line.product_id AS text) AS key, orders.created_at AS at,
    jsonb_build_object('product_id', line.product_id, 'variant_id', line.variant_id, 'sku', line.sku,
        'quantity', coalesce(line.current_quantity, line.quantity, 1), 'order_id', orders.id,
        'product_type', products.product_type, 'tags', coalesce(products.tags, '[]')) AS detail
FROM orders
CROSS JOIN LATERAL jsonb_to_recordset(orders.items)
    AS line (product_id bigint, variant_id bigint, sku text, quantity integer, current_quantity integer)
LEFT JOIN products ON products.shop_id = orders.shop_id AND products.id = line.product_id
WHERE orders.shop_id = :shop_id AND orders.person_id = ANY(CAST(:ids AS bigint[])) AND NOT orders.test
    AND orders.cancelled_at IS NULL AND orders.deleted_at IS NULL AND line.product_id IS NOT NULL
    AND coalesce(line.current_quantity, line.quantity, 1) > 0
    AND products.deleted_at IS NULL AND coalesce(products.status, 'active') IN ('active', 'unlisted')
ORDER BY orders.person_id, line.product_id, orders.created_at DESC, orders.id DESC
""",
        "found.detail",
    ),
    # A day of every year, and so no moment.
    "birthdays": _anchors(
        """
SELECT person_id, CAST(day AS text) AS key, to_timestamp(0) AS at, jsonb_build_object('on', value) AS detail
FROM profile_fields CROSS JOIN unnest(CAST(:days AS integer[])) AS day
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[])) AND source = 'birthday'
""",
        "found.detail",
    ),
    "renewals": _anchors(
        """
SELECT person_id, subscription || ':' || day AS key, renews_at AS at
FROM subscriptions CROSS JOIN unnest(CAST(:days AS integer[])) AS day
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[])) AND active AND renews_at IS NOT NULL
"""
    ),
}
"""By the name that ``flows.core.signals.Past`` has for it."""

# Each of the days that the shop has set of these signals has its clock.
_DAYS: Mapping[str, str] = {"birthdays": "birthday", "renewals": "renewal_upcoming"}


def people(connection: Connection, shop_id: int, after: int, most: int) -> Sequence[int]:
    """The next people of this shop by id, without those who were erased or merged into others."""
    return connection.scalars(_PEOPLE, {"shop_id": shop_id, "after": after, "most": most}).all()


_PEOPLE = text(
    "SELECT id FROM persons WHERE shop_id = :shop_id AND id > :after AND erased_at IS NULL AND merged_into IS NULL"
    " ORDER BY id LIMIT :most"
)


def of_people(connection: Connection, shop: Shop, name: str, ids: Sequence[int]) -> list[Anchor]:
    """Their anchors of this name, in the order of the people."""
    days = {"days": chosen(shop.settings, _DAYS[name])["days_before"]} if name in _DAYS else {}
    rows = connection.execute(ANCHORS[name], {"shop_id": shop.id, "ids": list(ids), **days})
    return [
        Anchor(
            row.person_id,
            str(row.seed),
            row.key,
            row.at,
            whereabouts.home(row._mapping, shop.timezone),
            row.detail or {},
        )
        for row in rows
    ]
