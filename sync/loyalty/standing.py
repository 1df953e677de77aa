"""Where somebody stands in a loyalty programme, and what a word about it changes. Pure.

Each field is known by itself: a source may tell of points only. Of two words about a field the newer counts, so that
it does not matter in which order, how often, or of which of two people who are one they are heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

FIELDS: Final = ("points", "tier", "reward", "expires_at")
LONGEST: Final = 100
"""Characters of a tier or a reward."""
MOST_POINTS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Word:
    """``values``: {field: what it is, None: there is none}, of the fields that something was said of: points as int,
    tier and reward as text, expires_at as a moment. ``source``: metafields | tags | api | file | programme.
    ``besides``: what else the event says that tells of the change."""

    values: Mapping[str, Any]
    at: datetime
    source: str
    besides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """When it was so, who said it, and whether there ever was one."""

    at: datetime
    source: str
    had: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """``values``: {field: value or None} of the fields that are known; ``heard`` has the same fields.

    ``last_tier``: the newest tier that there was, also while there is none.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)
    last_tier: str | None = None


def hear(standing: Standing, word: Word, *, trusted: frozenset[str]) -> tuple[Standing, dict[str, Any]]:
    """The standing after this word, and {field: value before} of what is another now.

    Nothing before is among the latter where nothing was known: it was then no change that anybody can tell. But a
    reward of somebody who is known otherwise is a new one, because none was told of.
    ``trusted``: the sources that are believed now. What another one said before counts for nothing.
    """
    values, heard, before = dict(standing.values), dict(standing.heard), {}
    last_tier = standing.last_tier
    for name, value in word.values.items():
        said = heard.get(name)
        known = said if said is not None and said.source in trusted else None
        if known is not None and known.at > word.at:
            continue
        heard[name] = Heard(word.at, word.source, value is not None or (said is not None and said.had))
        if known is not None and values[name] != value:
            before[name] = last_tier if name == "tier" else values[name]
        elif known is None and name == "reward" and value is not None and _is_known(standing, trusted):
            before[name] = None
        values[name] = value
        if name == "tier" and value is not None:
            last_tier = value
    return Standing(values, heard, last_tier), before


def _is_known(standing: Standing, trusted: frozenset[str]) -> bool:
    return any(one.source in trusted for one in standing.heard.values())


def newer(one: Standing, other: Standing) -> Standing:
    """Of two people who are one: of each field the newer word, ``one``'s when they are equally old. Nothing is added
    up: both are what the programme says of the same member."""
    values, heard = dict(one.values), dict(one.heard)
    for name, theirs in other.heard.items():
        if name not in heard or theirs.at > heard[name].at:
            values[name], heard[name] = other.values[name], theirs
    of_other = "tier" in heard and heard["tier"] is other.heard.get("tier")
    first, second = (other, one) if of_other else (one, other)
    return Standing(values, heard, first.last_tier or second.last_tier)


def from_row(row: Mapping[str, Any]) -> Standing:
    """Of a row of ``loyalty_states``."""
    heard = {
        name: Heard(datetime.fromisoformat(told["at"]), told["source"], told["had"])
        for name, told in row["told"].items()
    }
    return Standing({name: row[name] for name in heard}, heard, row["last_tier"])


def as_columns(standing: Standing) -> dict[str, Any]:
    """The columns of ``loyalty_states`` that a standing fills."""
    told = {
        name: {"at": one.at.isoformat(), "source": one.source, "had": one.had} for name, one in standing.heard.items()
    }
    return {**dict.fromkeys(FIELDS), **standing.values, "last_tier": standing.last_tier, "told": told}


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """As events carry them: moments as ISO 8601."""
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in values.items()}
