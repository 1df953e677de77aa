"""What clocks of the past count from: whose it is, its key and when it was, for many people with one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, TextClause, text

from connector.shops import Shop
from flows.core.signals import Anchor


def _of_person(moment: str) -> TextClause:
    return text(
        f"SELECT id AS person_id, seed, '' AS key, {moment} AS at, timezone FROM persons"  # noqa: S608
        f" WHERE shop_id = :shop_id AND id = ANY(CAST(:ids AS bigint[])) AND {moment} IS NOT NULL ORDER BY id"
    )


ANCHORS: Mapping[str, TextClause] = {
    "last_order": _of_person("last_order_at"),
    "first_order": _of_person("first_order_at"),
    "loyalty_end": text(
        """
SELECT persons.id AS person_id, persons.seed, '' AS key, loyalty_states.expires_at AS at, persons.timezone
FROM loyalty_states JOIN persons ON persons.shop_id = loyalty_states.shop_id AND persons.id = loyalty_states.person_id
WHERE loyalty_states.shop_id = :shop_id AND loyalty_states.person_id = ANY(CAST(:ids AS bigint[]))
    AND loyalty_states.expires_at IS NOT NULL
ORDER BY persons.id
"""
    ),
    # With something in it that nobody has bought since.
    "open_checkouts": text(
        """
SELECT checkouts.person_id, persons.seed, checkouts.token AS key, checkouts.source_updated_at AS at, persons.timezone
FROM checkouts JOIN persons ON persons.shop_id = checkouts.shop_id AND persons.id = checkouts.person_id
WHERE checkouts.shop_id = :shop_id AND checkouts.person_id = ANY(CAST(:ids AS bigint[]))
    AND checkouts.completed_at IS NULL AND checkouts.deleted_at IS NULL
    AND checkouts.total > 0 AND checkouts.items <> '[]'
    AND (persons.last_order_at IS NULL OR persons.last_order_at < checkouts.source_updated_at)
ORDER BY checkouts.person_id, checkouts.token
"""
    ),
}
"""By the name that ``flows.core.signals.Past`` has for it."""


def people(connection: Connection, shop_id: int, after: int, most: int) -> Sequence[int]:
    """The next people of this shop by id, without those who were erased or merged into others."""
    return connection.scalars(_PEOPLE, {"shop_id": shop_id, "after": after, "most": most}).all()


_PEOPLE = text(
    "SELECT id FROM persons WHERE shop_id = :shop_id AND id > :after AND erased_at IS NULL AND merged_into IS NULL"
    " ORDER BY id LIMIT :most"
)


def of_people(connection: Connection, shop: Shop, name: str, ids: Sequence[int]) -> list[Anchor]:
    """Their anchors of this name, in the order of the people."""
    rows = connection.execute(ANCHORS[name], {"shop_id": shop.id, "ids": list(ids)})
    return [Anchor(row.person_id, str(row.seed), row.key, row.at, row.timezone or shop.timezone) for row in rows]
