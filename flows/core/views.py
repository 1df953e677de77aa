"""How often somebody looked at each thing: the times of the last looks, of the things looked at last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MOST_THINGS = 30
MOST_LOOKS = 20
"""Of one thing; what asks for more looks than this would never be told."""
LONGEST = timedelta(days=90)
"""Looks that are older count for nothing any more."""


@dataclass(frozen=True, slots=True)
class Looks:
    """`at`: seconds of the epoch, ascending. `told`: the highest count that was told of it, and when."""

    at: tuple[int, ...]
    told: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return {"at": list(self.at), **({"told": list(self.told)} if self.told else {})}

    def since(self, moment: datetime) -> int:
        """How many there were after it."""
        return sum(one > moment.timestamp() for one in self.at)


@dataclass(frozen=True, slots=True)
class Views:
    """By thing: the id of a product, the name of a category."""

    of: Mapping[str, Looks] = field(default_factory=dict)

    def looked(self, thing: str, at: datetime) -> Views:
        known = self.of.get(thing, Looks(()))
        times = tuple(sorted([*known.at, int(at.timestamp())]))[-MOST_LOOKS:]
        return _bounded({**self.of, thing: Looks(times, known.told)}, at)

    def told(self, thing: str, count: int, at: datetime) -> Views:
        """It was told that it was looked at so often."""
        known = self.of.get(thing)
        if known is None:
            return self
        return Views({**self.of, thing: Looks(known.at, (count, int(at.timestamp())))})

    def newest(self) -> list[str]:
        """What was looked at, the last first."""
        return sorted(self.of, key=lambda thing: (-self.of[thing].at[-1], thing))

    def to_json(self) -> dict[str, Any]:
        return {thing: looks.to_json() for thing, looks in self.of.items()}


def from_json(data: Mapping[str, Mapping[str, Any]]) -> Views:
    return Views({thing: Looks(tuple(one["at"]), _told(one.get("told"))) for thing, one in data.items()})


def _told(pair: Sequence[int] | None) -> tuple[int, int] | None:
    return (pair[0], pair[1]) if pair else None


def _bounded(of: Mapping[str, Looks], now: datetime) -> Views:
    oldest = (now - LONGEST).timestamp()
    fresh = {thing: looks for thing, looks in of.items() if looks.at[-1] > oldest}
    kept = Views(fresh).newest()[:MOST_THINGS]
    return Views({thing: fresh[thing] for thing in kept})


def reached(looks: Looks, counts: Sequence[int], days: int, at: datetime) -> list[int]:
    """Which of `counts` (ascending) the looks of so many days up to `at` come to, that were not told in these days."""
    begins = at - timedelta(days=days)
    lately = looks.told is not None and looks.told[1] > begins.timestamp()
    before = looks.told[0] if looks.told is not None and lately else 0
    found = looks.since(begins)
    return [count for count in counts if before < count <= found]


def both(one: Views, other: Views) -> Views:
    """Those of two people who are one; what either was told is told."""
    merged: dict[str, Looks] = {}
    for thing in {**one.of, **other.of}:
        a, b = one.of.get(thing, Looks(())), other.of.get(thing, Looks(()))
        told = max((looks.told for looks in (a, b) if looks.told), key=lambda pair: (pair[1], pair[0]), default=None)
        merged[thing] = Looks(tuple(sorted(a.at + b.at))[-MOST_LOOKS:], told)
    kept = Views(merged).newest()[:MOST_THINGS]
    return Views({thing: merged[thing] for thing in kept})
