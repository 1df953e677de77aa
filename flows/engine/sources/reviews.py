"""``reviews``: what people wrote of the products that a message is about, else of the shop's others.

Where nobody tells of reviews there are none, and the block prints nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text

from connector.scope import Scope
from flows.engine.sources.source import MOST, Source, Wanted

LEAST_RATING = 4
"""A shop does not quote those who warn of it; from how many stars on a review is shown."""
# So many of the newest are looked at.
_NEWEST = 200


def _read(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    given = {"shop_id": scope.shop_id, "least": LEAST_RATING, "most": _NEWEST}
    rows = scope.connection.execute(_REVIEWS, given).all()
    found = {}
    for one in wanted:
        about = _about(one)
        theirs = _first(rows, about)[:MOST]
        found[one.id] = [
            {"text": row.text, "author": row.author, "rating": row.rating, "product_title": row.title} for row in theirs
        ]
    return found


def _first(rows: Sequence[Row[Any]], about: Collection[int | None]) -> list[Row[Any]]:
    """Those of the products first, the newest first among them."""
    return sorted(rows, key=lambda row: row.product_id not in about)


def _about(one: Wanted) -> set[int | None]:
    trigger = one.run.trigger
    checkout = one.person.checkouts.get(one.run.key) or {}
    lines = [*(trigger.get("items") or ()), *(checkout.get("items") or ())]
    return {line.get("product_id") for line in lines} | {trigger.get("product_id")}


_REVIEWS = text(
    """
SELECT reviews.text, reviews.author, reviews.rating, reviews.product_id, products.title
FROM reviews
LEFT JOIN products ON products.shop_id = reviews.shop_id AND products.id = reviews.product_id
WHERE reviews.shop_id = :shop_id AND reviews.published AND reviews.rating >= :least
    AND (reviews.product_id IS NULL OR products.deleted_at IS NULL)
ORDER BY reviews.told_at DESC, reviews.review_id
LIMIT :most
"""
)

REVIEWS = Source(("reviews",), _read)
