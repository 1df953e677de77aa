"""Ctrl-C, SIGTERM and a closed terminal, taken once and the same way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """While entered, the first of the signals sets ``requested``. Later ones are ignored, because ending has
    its own time limit and must not be cut short half-way.

    ``interrupts``: the first signal also raises KeyboardInterrupt. For the time before there is a loop that
    looks at ``requested``.
    """

    def __init__(self) -> None:
        self.requested = False
        self.interrupts = True
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> StopRequest:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        first = not self.requested
        self.requested = True
        if first and self.interrupts:
            raise KeyboardInterrupt
