"""What attributes are filled from beside the columns of ``persons``: kept fields, computed values, the shop's day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from connector.shops import Shop
from sync import profile_values
from sync.mapping import contact as mapping

_FIELDS = text(
    "SELECT person_id, source, value FROM profile_fields WHERE shop_id = :shop_id"
    " AND person_id = ANY(CAST(:ids AS bigint[])) AND source = ANY(CAST(:sources AS text[]))"
)
_ANSWERS = text(
    "SELECT person_id, name, value FROM form_answers WHERE shop_id = :shop_id"
    " AND person_id = ANY(CAST(:ids AS bigint[])) AND name = ANY(CAST(:names AS text[]))"
)
_LOYALTY = text(
    "SELECT person_id, points, tier, reward, expires_at, told FROM loyalty_states WHERE shop_id = :shop_id"
    " AND person_id = ANY(CAST(:ids AS bigint[]))"
)
_DAY = text("SELECT day FROM profile_passes WHERE shop_id = :shop_id")


def read(connection: Connection, shop: Shop, people: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """{person id: {source: value}} that the shop's mapping takes its values from besides, of ``people`` ({id: row of
    ``persons``}). At most eight statements, and none for a mapping of columns only.

    Raises WrongMapping.
    """
    named = mapping.of_shop(shop)
    found = profile_values.read(connection, shop, people, mapping.computed_sources(named))
    if (stored := mapping.stored_sources(named)) and people:
        wanted = {"shop_id": shop.id, "ids": list(people), "sources": stored}
        for row in connection.execute(_FIELDS, wanted):
            kept = mapping.CLEARED if row.value is None else row.value
            found.setdefault(row.person_id, {})[row.source] = kept
    if (asked := mapping.answers(named)) and people:
        for row in connection.execute(_ANSWERS, {"shop_id": shop.id, "ids": list(people), "names": list(asked)}):
            found.setdefault(row.person_id, {})[asked[row.name]] = row.value
    if (standing := mapping.loyalty(named)) and people:
        for held in connection.execute(_LOYALTY, {"shop_id": shop.id, "ids": list(people)}).mappings():
            for field, source in standing.items():
                if held[field] is not None:
                    found.setdefault(held["person_id"], {})[source] = held[field]
                elif held["told"].get(field, {}).get("had"):
                    found.setdefault(held["person_id"], {})[source] = mapping.CLEARED
    if counts_days(named) and people:
        day = connection.scalar(_DAY, {"shop_id": shop.id})
        for person_id in people:
            found.setdefault(person_id, {})[mapping.TODAY] = day
    return found


def look_at_orders(shop: Shop) -> bool:
    """Whether the shop's mapping shows something that is computed from single orders."""
    return any(
        profile_values.VALUES[name].needs in ("orders", "favourites")
        for name in mapping.computed_sources(mapping.of_shop(shop))
    )


def counts_days(named: tuple[mapping.Attribute, ...]) -> bool:
    """Whether something of this mapping changes with every day."""
    return any(step == "days_since" for one in named for step, _ in one.steps)
