"""Subscriptions of people, as another system of the merchant's tells them: the newest word of each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from connector.scope import Scope

CANCELLED = "cancelled"
"""What has become of a subscription that is over."""


def keep(scope: Scope, person_id: int, told: Mapping[str, Any], at: datetime) -> None:
    """What was so at ``at`` of a subscription of the person, whose lock the caller holds; an older word changes
    nothing, and what is not said stays.

    ``told``: subscription, change, plan, product_id, renews_at.
    """
    named = {name: told[name] for name in ("subscription", "plan", "product_id", "renews_at")}
    active = told["change"] != CANCELLED
    given = {"shop_id": scope.shop_id, "person_id": person_id, "active": active, "at": at, **named}
    scope.connection.execute(_KEEP, given)


_KEEP = text(
    """
INSERT INTO subscriptions AS held (shop_id, subscription, person_id, active, plan, product_id, renews_at, told_at)
VALUES (:shop_id, :subscription, :person_id, :active, :plan, :product_id, :renews_at, :at)
ON CONFLICT (shop_id, subscription) DO UPDATE SET
    person_id = excluded.person_id, active = excluded.active, plan = coalesce(excluded.plan, held.plan),
    product_id = coalesce(excluded.product_id, held.product_id),
    renews_at = coalesce(excluded.renews_at, held.renews_at), told_at = excluded.told_at
WHERE excluded.told_at >= held.told_at
"""
)
