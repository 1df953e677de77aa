"""What flows decide of where people stand: points more or less, a tier, the next one up or down.

Each with the person's lock held, on the standing as it is then: two that are decided at the same time come one after
the other, and none is lost. Where it cannot be done the answer is a code that says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from connector.models.person import persons
from connector.scope import Scope
from flows.core.loyalty import Programme
from sync.loyalty import keeping, port
from sync.loyalty.standing import MOST_POINTS

Changed = Mapping[str, Any]

_IN_STORE = select(persons.c.customer_id.is_not(None)).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("person")
)


def unready(scope: Scope, person_id: int, field: str) -> str | None:
    """What is in the way of changing ``field``, points or tier. ``no_programme``: the shop keeps no loyalty data.
    ``kept_in_tags``: it is a tag of the customer, and changed as one. ``standing_unknown``: the store holds it and has
    yet to say what it is, so that a change would be one of nothing; ``no_customer``: and never will. None: nothing."""
    source = port.chosen(scope.shop)
    if source is None:
        return "no_programme"
    told = port.tells(scope.shop)
    if field in told and not source.writes:
        return "kept_in_tags"
    if field in told - keeping.standing_of(scope, person_id).values.keys():
        if scope.connection.scalar(_IN_STORE, {"shop_id": scope.shop_id, "person": person_id}):
            return "standing_unknown"
        # The store is where this programme is kept, and they have no record there.
        return "no_customer"
    return None


def award(scope: Scope, person_id: int, points: int, besides: Mapping[str, Any]) -> Changed | str:
    """So many points more, or less: ``{points, before}``, or ``no_programme`` | ``too_few_points``."""
    if port.chosen(scope.shop) is None:
        return "no_programme"
    before: int = keeping.standing_of(scope, person_id).values.get("points") or 0
    if before + points < 0:
        return "too_few_points"
    after = min(before + points, MOST_POINTS)
    keeping.assign(scope, person_id, {"points": after}, besides)
    return {"points": after, "before": before}


def place(scope: Scope, person_id: int, tier: str, besides: Mapping[str, Any]) -> Changed | str:
    """This tier: ``{tier, before}``, or ``no_programme`` | ``no_such_tier``."""
    if port.chosen(scope.shop) is None:
        return "no_programme"
    programme = _programme(scope)
    if not programme.tiers:
        return _given(scope, person_id, tier, besides)
    rank = programme.rank(tier)
    return "no_such_tier" if rank is None else _given(scope, person_id, programme.tiers[rank].name, besides)


def move(scope: Scope, person_id: int, up: bool, besides: Mapping[str, Any]) -> Changed | str:
    """The next tier up or down; whoever has none comes up to the lowest. ``{tier, before}``, or ``no_programme`` |
    ``no_tiers``: the settings name none | ``no_such_tier``: theirs is none of these | ``highest_tier`` |
    ``lowest_tier``."""
    if port.chosen(scope.shop) is None:
        return "no_programme"
    programme, held = _programme(scope), keeping.standing_of(scope, person_id).values.get("tier")
    if not programme.tiers:
        return "no_tiers"
    rank = -1 if held is None else programme.rank(held)
    if rank is None:
        return "no_such_tier"
    to = rank + 1 if up else rank - 1
    if to < 0:
        return "lowest_tier"
    if to == len(programme.tiers):
        return "highest_tier"
    return _given(scope, person_id, programme.tiers[to].name, besides)


def _programme(scope: Scope) -> Programme:
    return Programme.of(scope.shop.settings["loyalty"])


def _given(scope: Scope, person_id: int, tier: str, besides: Mapping[str, Any]) -> Changed:
    before = keeping.standing_of(scope, person_id).values.get("tier")
    keeping.assign(scope, person_id, {"tier": tier}, besides)
    return {"tier": tier, "before": before}
