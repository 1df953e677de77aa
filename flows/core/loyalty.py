"""A loyalty programme's tiers, as far as signals need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tier:
    """``points``: from how many on somebody has it."""

    name: str
    points: int


@dataclass(frozen=True, slots=True)
class Programme:
    """``tiers``: the lowest first; none: nobody can tell which of two is the higher. ``close_percent``: whoever lacks
    at most so many points in a hundred of the next tier's is close to it. ``risk_days``: how long before the end it is
    told that something ends."""

    tiers: tuple[Tier, ...] = ()
    close_percent: int = 10
    risk_days: int = 30

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Programme:
        """As the shop's ``loyalty`` setting has it."""
        if settings is None:
            return cls()
        tiers = sorted((Tier(one["name"], one["points"]) for one in settings["tiers"]), key=lambda one: one.points)
        return cls(tuple(tiers), settings["close_percent"], settings["risk_days"])

    def rank(self, tier: str | None) -> int | None:
        """The place of a tier, the lowest 0, whatever its case; None when it is none of the programme's."""
        names = [one.name.casefold() for one in self.tiers]
        return names.index(tier.casefold()) if tier is not None and tier.casefold() in names else None

    def next_above(self, points: int, tier: str | None) -> Tier | None:
        """The next tier for somebody with so many points, above the one that they have."""
        rank = self.rank(tier)
        above = self.tiers if rank is None else self.tiers[rank + 1 :]
        return next((one for one in above if one.points > points), None)
