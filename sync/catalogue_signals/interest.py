"""Whom a change of a product interests: by what they looked at, left in a checkout, or bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import text

from connector.scope import Scope

VIEWED = "product_viewed"
"""The event of somebody who looks at a product: its ``key`` is the product's id, as text."""


def find(scope: Scope, signal: Mapping[str, Any], variant_ids: Sequence[int]) -> int:
    """Write down everybody who is to be told of this signal (a row of ``catalogue_signals``), each once; how many.

    A view is about the product, a checkout or an order about the variant in it. Who bought the product since is not
    told that it is cheaper or nearly gone, and who is told by Brevo's alert not told by us that it is back. One
    statement: it takes no locks, and what it finds is told by slices.
    """
    settings = scope.shop.settings["catalogue_signals"]
    since = {f"{why}_since": scope.now - timedelta(days=settings[f"{why}_days"]) for why in ("carted", "viewed")}
    given = {
        **since,
        "bought_since": scope.now - timedelta(days=settings["bought_days"]),
        "earliest": scope.now - timedelta(days=max(settings[f"{why}_days"] for why in ("carted", "viewed", "bought"))),
        "shop_id": scope.shop_id,
        "signal_id": signal["id"],
        "kind": signal["kind"],
        "product": orjson.dumps(signal["product_id"]).decode(),
        "product_id": signal["product_id"],
        "key": str(signal["product_id"]),
        "variants": list(variant_ids),
        "buyers": signal["kind"] in settings["buyers"],
        "most": settings["most_people"],
    }
    return scope.connection.execute(_FIND, given).rowcount


# The query of an index must repeat its expression to the letter (connector/models/store.py).
_FIND = text(
    """
WITH bought AS MATERIALIZED (
    SELECT person_id, CAST(line ->> 'variant_id' AS bigint) AS variant_id, created_at AS at
    FROM orders CROSS JOIN LATERAL jsonb_array_elements(items) AS line
    WHERE orders.shop_id = :shop_id AND person_id IS NOT NULL AND cancelled_at IS NULL AND deleted_at IS NULL
        AND jsonb_path_query_array(items, '$[*].product_id') @> CAST(:product AS jsonb)
        AND created_at > :earliest AND line -> 'product_id' = CAST(:product AS jsonb)
), purchases AS (
    SELECT person_id, max(at) AS last FROM bought GROUP BY person_id
), wanted AS (
    SELECT person_id, CAST(line ->> 'variant_id' AS bigint) AS variant_id, 'carted' AS why, 1 AS rank,
        source_updated_at AS at
    FROM checkouts CROSS JOIN LATERAL jsonb_array_elements(items) AS line
    WHERE checkouts.shop_id = :shop_id AND person_id IS NOT NULL AND completed_at IS NULL
        AND jsonb_path_query_array(items, '$[*].product_id') @> CAST(:product AS jsonb)
        AND source_updated_at > :carted_since AND line -> 'product_id' = CAST(:product AS jsonb)
    UNION ALL
    SELECT person_id, NULL, 'viewed', 2, occurred_at FROM events
    WHERE events.shop_id = :shop_id AND name = 'product_viewed' AND key = :key AND person_id IS NOT NULL
        AND occurred_at > :viewed_since
), interested AS (
    SELECT person_id, variant_id, why, rank, at FROM wanted LEFT JOIN purchases USING (person_id)
    WHERE :kind = 'back_in_stock' OR last IS NULL OR last < at
    UNION ALL
    SELECT person_id, variant_id, 'bought', 3, at FROM bought WHERE :buyers AND at > :bought_since
    UNION ALL
    SELECT person_id, variant_id, 'asked', 0, asked_at FROM product_alerts
    WHERE product_alerts.shop_id = :shop_id AND product_id = :product_id AND :kind = 'back_in_stock'
), one_each AS (
    SELECT DISTINCT ON (person_id) person_id, variant_id, why, at FROM interested
    WHERE (variant_id IS NULL OR variant_id = ANY (CAST(:variants AS bigint[]))) AND (
        :kind <> 'back_in_stock' OR person_id NOT IN (
            SELECT person_id FROM product_alerts AS given
            WHERE given.shop_id = :shop_id AND given.product_id = :product_id AND state = 'brevo'
        )
    )
    ORDER BY person_id, rank, at DESC
)
INSERT INTO catalogue_signal_people (shop_id, signal_id, person_id, variant_id, why)
SELECT :shop_id, :signal_id, person_id, variant_id, why FROM one_each ORDER BY at DESC LIMIT :most
ON CONFLICT DO NOTHING
"""
)
