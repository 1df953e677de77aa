"""Many people of a shop, put straight into the tables, and wished to have at Brevo as a back-fill wishes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from connector.deps import Deps
from connector.shops import Shop
from sync.wishes import wish

_PEOPLE = text(
    """
INSERT INTO persons (shop_id, seed, email, customer_id, first_name, last_name, country, city, locale, tags,
    orders_count, total_spent, version, created_at)
SELECT :shop_id, gen_random_uuid(), 'p' || n || '@crowd.example', 100000 + n, 'Zoë' || n, 'Łukasz' || n, 'US', 'Berlin',
    'de', CASE WHEN n % 2 = 0 THEN '["a"]' ELSE '[]' END::jsonb, n % 7, n * 1.25, 1, :now
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
RETURNING id
"""
)
_LOCKS = text("INSERT INTO person_work SELECT :shop_id, unnest(CAST(:ids AS bigint[])), false, :now")
_CONSENTS = text(
    """
INSERT INTO consents (shop_id, person_id, channel, purpose, state, source, evidence_at)
SELECT :shop_id, id, 'email', 'newsletter', :state, 'test', :now FROM unnest(CAST(:ids AS bigint[])) AS asked (id)
"""
)


def add(
    connection: Connection, shop_id: int, count: int, now: datetime, *, first: int = 1, state: str | None = None
) -> list[int]:
    """So many people, ``p<number>@crowd.example``, from ``first`` on, every other with a tag; returns their ids.

    ``state``: of their consent to emails.
    """
    given = {"shop_id": shop_id, "first": first, "last": first + count - 1, "now": now}
    ids = list(connection.scalars(_PEOPLE, given))
    connection.execute(_LOCKS, {"shop_id": shop_id, "ids": ids, "now": now})
    if state:
        connection.execute(_CONSENTS, {"shop_id": shop_id, "ids": ids, "state": state, "now": now})
    return ids


def wish_quietly(deps: Deps, shop: Shop, people: Sequence[int]) -> None:
    """As a back-fill wishes for contacts that Brevo does not have."""
    with deps.open(shop, quiet=True) as scope:
        for person_id in people:
            wish(scope, "contact", person_id, 1)
