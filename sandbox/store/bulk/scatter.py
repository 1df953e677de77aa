"""The order of lines in a file: children are not sure to follow their parents, and may come long before or after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random


class Scatter:
    """Lines go in and come out in another order, the same for the same seed. Some wait for the very end."""

    def __init__(self, window: int, far: float, seed: str) -> None:
        self._window = window
        self._far = far
        self._rng = Random(seed)
        self._waiting: list[bytes] = []
        self._last: list[bytes] = []

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        draw, waiting = self._rng.random, self._waiting
        for line in lines:
            if draw() < self._far:
                self._last.append(line)
            elif len(waiting) < self._window:
                waiting.append(line)
            else:
                place = int(draw() * self._window)
                waiting[place], line = line, waiting[place]
                yield line

    def rest(self) -> Iterator[bytes]:
        """What still waited."""
        for lines in (self._waiting, self._last):
            self._rng.shuffle(lines)
            yield from lines
            lines.clear()
