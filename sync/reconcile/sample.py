"""A few records of each kind are compared field by field: what we hold with what the store says now, and Brevo's copy
with what Brevo would be told. What differs is brought into line, and said.

The comparison is that of a sync that staff ask for (``sync.reruns.preview``). What differs here is read from the store,
so that it is news; where only Brevo's copy differs, it is told again by a sync, which starts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import text

from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shops import Shop
from sync import fetch, reruns
from sync.reconcile import gaps
from sync.reruns import ENTITIES, Record, What

SIZE: Mapping[str, int] = {"contact": 10, "orders": 20, "products": 3}
"""So many of each entity. Brevo answers for one contact or product at a time."""
BY = "clock"


def compare(deps: Deps, shop: Shop) -> list[str]:
    """Compare and repair; sentences on what differed. Raises ProviderError."""
    said = []
    for entity, size in SIZE.items():
        ids = _chosen(deps, shop, entity, size)
        if not ids:
            continue
        found = reruns.preview(deps, shop, What(entity, ids=tuple(ids)), most=size)
        here = [one for one in found.records if _differs(one, "here")]
        there = [one for one in found.records if _differs(one, "brevo") and one not in here]
        if here or there:
            said.append(_sentence(entity, len(found.records), here, there))
            said += _repair(deps, shop, entity, here, there)
    return said


def _differs(record: Record, place: str) -> bool:
    asked = place == "here" or record.at_brevo != "not asked"
    return asked and record.problem is None and any(place in one.writes for one in record.differences)


def _chosen(deps: Deps, shop: Shop, entity: str, size: int) -> list[int]:
    """Other ones each day, by chance: records of which nothing is still to be read or told."""
    kind = ENTITIES[entity]
    given = {
        "shop_id": shop.id,
        "entity": kind.copy,
        "kind": kind.kind,
        "salt": f"{shop.id}:{deps.clock.now():%Y-%m-%d}",
        "size": size,
    }
    with deps.open(shop) as scope:
        copies = list(scope.connection.scalars(_CHOSEN, given))
        found = kind.records(scope.connection, shop.id, copies)
        ids = [one.id for one in found.values() if one.id > 0]
        waiting = scope.connection.scalars(_WAITING, {**given, "ids": ids})
        return sorted(set(ids) - set(waiting))


# Chance is a hash: two looks of one day choose the same.
_CHOSEN = text(
    """
SELECT entity_id FROM sync_state WHERE shop_id = :shop_id AND entity = :entity AND state = 'done'
ORDER BY md5(:salt || entity_id) LIMIT :size
"""
)
_WAITING = text(
    "SELECT remote_id FROM fetches WHERE shop_id = :shop_id AND kind = :kind AND remote_id = ANY(:ids)"
    " AND state IN ('due', 'leased')"
)


def _sentence(entity: str, compared: int, here: list[Record], there: list[Record]) -> str:
    fields = Counter(one.field for record in (*here, *there) for one in record.differences if one.writes)
    which = ", ".join(name for name, _ in fields.most_common(5))
    return (
        f"Of {compared} {entity} that were compared, {len(here)} differed from the store and {len(there)} at Brevo"
        f" ({which}); they are brought into line."
    )


def _repair(deps: Deps, shop: Shop, entity: str, here: list[Record], there: list[Record]) -> list[str]:
    with deps.open(shop, found_by=gaps.FOUND_BY) as scope:
        for one in here:
            fetch.wish(scope, ENTITIES[entity].kind, one.id)
    if there:
        try:
            with deps.open(shop) as scope:
                reruns.start(scope, What(entity, ids=tuple(one.id for one in there)), by=BY)
        except InvalidInput as error:
            return [f"Brevo's copies are not told again: {error}"]
    return []
