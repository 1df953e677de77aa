"""What a computed value of a profile says of itself, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from flows.core.rfm import Borders

Needs = Literal["orders", "favourites", "borders"]


@dataclass(frozen=True, slots=True)
class LastOrder:
    """The newest order that counts. ``total`` is what it comes to, ``titles`` what is in it."""

    id: int
    name: str | None
    total: Decimal
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """Of one person's orders that count: how many we hold, the moments of the first and the last, the newest, and the
    code that was used last."""

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    newest: LastOrder | None = None
    last_code: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What of one person is known to the values of a mapping: what those need that are asked for, the rest is empty.

    ``person``: the row of ``persons``; ``favourites``: {product_type | vendor | collection: what was bought most of}.
    """

    person: Mapping[str, Any]
    orders: Orders = Orders()
    favourites: Mapping[str, str] = field(default_factory=dict)
    borders: Borders = Borders()


@dataclass(frozen=True, slots=True)
class Value:
    """``of`` answers None when there is none. ``kind``: the type of attribute that suits it.

    ``profiling``: it puts people into groups by what they did; not computed of those who objected to that.
    """

    name: str
    about: str
    kind: str
    of: Callable[[Known], Any]
    needs: Needs | None = None
    profiling: bool = False
