"""Chance for invented people: as everywhere a hash, here of the person's seed and of how often it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import TypeVar

One = TypeVar("One")
_BYTES = 8
_MOST = float(2 ** (8 * _BYTES))


class Dice:
    """The same for the same seed, in the order in which it is thrown."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._thrown = 0
        self._left = b""

    def draw(self) -> float:
        """Evenly from 0 up to, not including, 1."""
        if not self._left:
            self._left = blake2b(self._seed, salt=self._thrown.to_bytes(16)).digest()
            self._thrown += 1
        number, self._left = self._left[:_BYTES], self._left[_BYTES:]
        return int.from_bytes(number) / _MOST

    def happens(self, share: float) -> bool:
        return self.draw() < share

    def among(self, ones: Sequence[One]) -> One:
        return ones[int(self.draw() * len(ones))]

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.draw()

    def until_next(self, mean: float) -> float:
        """How long until something happens that happens every `mean` on average, whatever happened before."""
        return -log(1 - self.draw()) * mean
