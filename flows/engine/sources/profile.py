"""``profile`` and ``person.segments``: fields that the shop keeps of its customers, and the segments they are in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from connector.db.rows import among
from connector.models.mapping import profile_fields
from connector.scope import Scope
from flows.core import segments
from flows.core.amounts import RATES
from flows.engine.behaviour import Behaviour
from flows.engine.people import Person, shop_facts
from flows.engine.sources.source import Source, Wanted


def _fields(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    people = sorted({one.person_id for one in wanted})
    kept: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in scope.connection.execute(_KEPT, {"shop_id": scope.shop_id, "people": people}):
        kept[row.person_id][name_of(row.source)] = row.value
    return {one.id: kept[one.person_id] for one in wanted}


def name_of(source: str) -> str:
    """What messages call a field: the last part of its name, of what names may have in Liquid (metafield:custom.size
    -> size)."""
    return re.sub(r"[^A-Za-z0-9_]", "_", re.split(r"[.:]", source)[-1])


_KEPT = (
    select(profile_fields.c.person_id, profile_fields.c.source, profile_fields.c.value)
    .where(profile_fields.c.shop_id == bindparam("shop_id"), among(profile_fields.c.person_id, "people"))
    .order_by(profile_fields.c.source)
)


def _segments(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    found = memberships(scope, {one.person_id: one.person for one in wanted})
    return {one.id: sorted(found[one.person_id]) for one in wanted}


def memberships(scope: Scope, people: Mapping[int, Person]) -> dict[int, Mapping[str, bool]]:
    """{person id: the shop's segments that they are in}; those of which it cannot be told are left out."""
    behaviour = Behaviour.of(scope, {segments.FAMILY}, (), {})
    shop = shop_facts(scope, {RATES})
    found: dict[int, Mapping[str, bool]] = {}
    for person_id, person in people.items():
        told = behaviour.facts(person, {"person": person.facts(), "shop": shop})[segments.FAMILY]
        found[person_id] = {name: True for name in told if told[name]}
    return found


SEGMENTS = Source(("person", "segments"), _segments)
FIELDS = Source(("profile",), _fields)
