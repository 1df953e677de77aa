"""``loyalty``: where somebody stands in the shop's programme, and how far the next tier is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.scope import Scope
from flows.core.loyalty import Programme
from flows.engine.sources.source import Source, Wanted


def _read(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    programme = Programme.of(scope.shop.settings["loyalty"])
    return {one.id: standing(one.person.facts()["loyalty"], programme) for one in wanted}


def standing(told: Mapping[str, Any], programme: Programme) -> dict[str, Any]:
    """What is told of a person, with the next tier above; what nobody has told is not there."""
    shown = {name: told.get(name) for name in ("points", "tier", "reward", "expires_at")}
    points: int | None = shown["points"]
    above = programme.next_above(points, shown["tier"]) if points is not None else None
    if points is not None and above is not None:
        shown |= {"next_tier": above.name, "points_to_next": above.points - points}
    return {name: value for name, value in shown.items() if value is not None}


LOYALTY = Source(("loyalty",), _read)
