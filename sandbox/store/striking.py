"""What goes wrong on demand: which faults are in force, and which of them strike."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Generic, TypeVar


@dataclass
class Strike:
    """One fault. `shop` and what `about` says narrow it; `count` is how many times it still strikes, if limited."""

    kinds: ClassVar[tuple[str, ...]] = ()

    kind: str
    shop: str | None = None
    probability: float = 1.0
    count: int | None = None
    seconds: float = 0.3

    def __post_init__(self) -> None:
        if self.kind not in self.kinds:
            raise ValueError(f"unknown fault {self.kind!r}, one of {', '.join(self.kinds)}")
        if not 0 <= self.probability <= 1 or self.seconds < 0:
            raise ValueError(f"fault {self.kind}: probability 0 to 1, seconds not below 0")

    @property
    def about(self) -> str | None:
        """What besides the shop it is narrowed to."""
        raise NotImplementedError


F = TypeVar("F", bound=Strike)


class Strikes(Generic[F]):
    """The faults in force; the same seed and the same questions meet the same ones. Used under its lock."""

    def __init__(self, fault: type[F], seed: str) -> None:
        self.rng = Random(seed)
        self.lock = threading.Lock()
        self._fault = fault
        self._faults: list[F] = []

    def replace(self, documents: list[dict[str, Any]]) -> None:
        """Put these in force instead of all before. Raises ValueError, TypeError."""
        faults = [self._fault(**document) for document in documents]
        with self.lock:
            self._faults = faults

    def struck(self, shop: str, about: str, kinds: Collection[str] | None = None) -> dict[str, F]:
        """The faults that strike now, by kind, only these `kinds` where some are named; the lock is held."""
        asked = [one for one in self._faults if kinds is None or one.kind in kinds]
        return {one.kind: one for one in asked if self._strikes(one, shop, about)}

    def _strikes(self, fault: F, shop: str, about: str) -> bool:
        if fault.shop not in (None, shop) or fault.about not in (None, about) or fault.count == 0:
            return False
        if fault.probability < 1 and self.rng.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
        return True
