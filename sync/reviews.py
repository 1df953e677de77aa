"""Reviews that the shop shows, as another system of the merchant's tells them: the newest word of each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from connector.scope import Scope

PUBLISHED = "published"


def keep(scope: Scope, person_id: int, told: Mapping[str, Any], at: datetime) -> None:
    """What was so at ``at`` of a review by the person, whose lock the caller holds; an older word changes nothing.

    ``told``: review_id, product_id, rating, text, author, state.
    """
    said = {name: told[name] for name in ("review_id", "product_id", "rating", "text", "author")}
    given = {
        "shop_id": scope.shop_id,
        "person_id": person_id,
        "published": told["state"] == PUBLISHED,
        "at": at,
        **said,
    }
    scope.connection.execute(_KEEP, given)


_KEEP = text(
    """
INSERT INTO reviews AS held (shop_id, review_id, person_id, product_id, rating, text, author, published, told_at)
VALUES (:shop_id, :review_id, :person_id, :product_id, :rating, :text, :author, :published, :at)
ON CONFLICT (shop_id, review_id) DO UPDATE SET
    person_id = excluded.person_id, product_id = excluded.product_id, rating = excluded.rating, text = excluded.text,
    author = excluded.author, published = excluded.published, told_at = excluded.told_at
WHERE excluded.told_at >= held.told_at
"""
)
