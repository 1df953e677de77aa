"""What signals look at beside the person: the order, the cart, the purchase, the birthday or the subscription that a
clock is about, and what is known of the products that were bought.

Read for a whole batch at once, and only for clocks that ring, or events that somebody hears.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, text

from connector.scope import Scope
from flows.core.model import Event
from flows.core.signals import SIGNALS, SignalSettings
from flows.core.signals.replenishment_due import REPLENISHMENT_DUE

Asked = tuple[int, str]
"""(person id, key of the clock)."""
Found = Mapping[Asked, Any]


def of_clocks(scope: Scope, due: Iterable[Row[Any]]) -> Mapping[tuple[str, str], dict[str, Any]]:
    """{(owner, key): the families of facts} of these due rows of ``timers``, as far as their signals need any of those
    that are read here."""
    asked: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in due:
        if row.kind == "signal" and row.payload["signal"] in SIGNALS:
            for family in SIGNALS[row.payload["signal"]].needs & FAMILIES.keys():
                asked[family].append(row)
    found: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for family in sorted(asked):
        read = FAMILIES[family](scope, [(row.person_id, row.payload["key"]) for row in asked[family]])
        for row in asked[family]:
            found[row.owner, row.key][family] = read.get((row.person_id, row.payload["key"]))
    return found


def _orders(scope: Scope, asked: Sequence[Asked]) -> Found:
    rows = scope.connection.execute(_ORDERS, {"shop_id": scope.shop_id, "ids": [int(key) for _, key in asked]})
    by_id = {str(row.order_id): row._asdict() for row in rows}
    return {one: _plain(by_id[one[1]]) for one in asked if one[1] in by_id}


_ORDERS = text(
    """
SELECT id AS order_id, name AS order_name, CAST(total AS text) AS total, currency, items, checkout_token,
    financial_status, created_at AS placed_at, cancelled_at, deleted_at
FROM orders WHERE shop_id = :shop_id AND id = ANY(CAST(:ids AS bigint[]))
"""
)


def _carts(scope: Scope, asked: Sequence[Asked]) -> Found:
    rows = scope.connection.execute(_CARTS, {"shop_id": scope.shop_id, "tokens": [key for _, key in asked]})
    by_token = {row.token: row._asdict() for row in rows}
    return {one: _plain(by_token[one[1]]) for one in asked if one[1] in by_token}


_CARTS = text(
    """
SELECT token, items, CAST(total AS text) AS total, currency, source_updated_at, EXISTS (
    SELECT FROM checkouts WHERE checkouts.shop_id = carts.shop_id AND checkouts.cart_token = carts.token
) AS taken_further
FROM carts WHERE shop_id = :shop_id AND token = ANY(CAST(:tokens AS text[]))
"""
)


def _purchases(scope: Scope, asked: Sequence[Asked]) -> Found:
    people, bought = [person for person, _ in asked], [int(key) for _, key in asked]
    rows = scope.connection.execute(_PURCHASES, {"shop_id": scope.shop_id, "people": people, "products": bought})
    return {(row.person_id, str(row.product_id)): _plain(row._asdict()) for row in rows}


# A product of which nothing is known yet may well be sold.
_PURCHASES = text(
    """
SELECT DISTINCT ON (asked.person_id, asked.product_id) asked.person_id, asked.product_id, orders.id AS order_id,
    orders.created_at AS bought_at, line.variant_id, line.title, line.variant_title, line.sku, line.price,
    coalesce(line.current_quantity, line.quantity, 1) AS quantity, products.url, products.image_url,
    products.deleted_at IS NULL AND coalesce(products.status, 'active') IN ('active', 'unlisted') AS sold
FROM unnest(CAST(:people AS bigint[]), CAST(:products AS bigint[])) AS asked (person_id, product_id)
JOIN orders ON orders.shop_id = :shop_id AND orders.person_id = asked.person_id
    AND NOT orders.test AND orders.cancelled_at IS NULL AND orders.deleted_at IS NULL
CROSS JOIN LATERAL jsonb_to_recordset(orders.items) AS line (product_id bigint, variant_id bigint, title text,
    variant_title text, sku text, price text, quantity integer, current_quantity integer)
LEFT JOIN products ON products.shop_id = :shop_id AND products.id = asked.product_id
WHERE line.product_id = asked.product_id AND coalesce(line.current_quantity, line.quantity, 1) > 0
ORDER BY asked.person_id, asked.product_id, orders.created_at DESC, orders.id DESC
"""
)


def _birthdays(scope: Scope, asked: Sequence[Asked]) -> Found:
    rows = scope.connection.execute(_BIRTHDAYS, {"shop_id": scope.shop_id, "people": sorted({one for one, _ in asked})})
    on = {row.person_id: row.on for row in rows}
    return {one: {"on": on.get(one[0])} for one in asked}


_BIRTHDAYS = text(
    """
SELECT person_id, value #>> '{}' AS on FROM profile_fields
WHERE shop_id = :shop_id AND source = 'birthday' AND person_id = ANY(CAST(:people AS bigint[]))
"""
)


def _subscriptions(scope: Scope, asked: Sequence[Asked]) -> Found:
    named = {one: one[1].rpartition(":")[0] for one in asked}
    rows = scope.connection.execute(_SUBSCRIPTIONS, {"shop_id": scope.shop_id, "named": sorted(set(named.values()))})
    held = {row.subscription: _plain(row._asdict()) for row in rows}
    return {one: held[name] for one, name in named.items() if name in held}


_SUBSCRIPTIONS = text(
    """
SELECT subscription, active, renews_at, plan, product_id FROM subscriptions
WHERE shop_id = :shop_id AND subscription = ANY(CAST(:named AS text[]))
"""
)

FAMILIES: Mapping[str, Callable[[Scope, Sequence[Asked]], Found]] = {
    "order": _orders,
    "cart": _carts,
    "purchase": _purchases,
    "birthday": _birthdays,
    "subscription": _subscriptions,
}
"""By the name that ``Signal.needs`` has for it: the value for each clock, none for what is not there."""


def products_bought(
    scope: Scope, settings: SignalSettings, happened: Iterable[Event]
) -> Mapping[str, Mapping[str, Any]]:
    """The ``products`` family, by id as text, of what these events tell was ordered; nothing when nobody hears of
    products that are used up."""
    if REPLENISHMENT_DUE.name not in settings.heard:
        return {}
    ids = {
        line["product_id"]
        for event in happened
        if event.name in REPLENISHMENT_DUE.listens and not event.historical
        for line in event.props.get("items") or ()
        if line.get("product_id")
    }
    if not ids:
        return {}
    rows = scope.connection.execute(_PRODUCTS, {"shop_id": scope.shop_id, "ids": sorted(ids)})
    return {str(row.id): {"product_type": row.product_type, "tags": row.tags or []} for row in rows}


_PRODUCTS = text(
    "SELECT id, product_type, tags FROM products WHERE shop_id = :shop_id AND id = ANY(CAST(:ids AS bigint[]))"
)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """As facts are: JSON values, moments as ISO 8601 text."""
    value: dict[str, Any] = orjson.loads(orjson.dumps(row))
    return value
