"""The three kinds of time, and the only module that reads them.

* *Business time* (waits, caps, quiet hours, deadlines, event dates): may be moved in development.
* *Machine time* (leases, HTTP time-outs, back-off, ticks, coalescing): always real.
* *Wire time* (rate windows and their resets, token lifetimes): real time x ``wire_rate``.

Everything else takes ``now`` as an argument. The ban is held by ruff (TID251) and by a test on the schema.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_STAMP = struct.Struct("<d")


class Clock(Protocol):
    """What every process is given. All datetimes are aware and in UTC."""

    @property
    def rate(self) -> float:
        """Business seconds that pass in one real second (1 in production, 0 when a driver steps the clock)."""

    def now(self) -> datetime:
        """Business time."""
        ...

    def machine(self) -> datetime:
        """Real time."""
        ...

    def wire(self) -> float:
        """Seconds on the clock that the providers' rate windows run on."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """Business time = ``start + (real - epoch) * rate``; wire time = ``real * wire_rate``.

    ``start`` and ``epoch`` are unix seconds. With the defaults all three times are real time.
    """

    start: float = 0.0
    epoch: float = 0.0
    rate: float = 1.0
    wire_rate: float = 1.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.start + (time.time() - self.epoch) * self.rate, UTC)

    def machine(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def wire(self) -> float:
        return time.time() * self.wire_rate


class SteppedClock:
    """Business time is what a driver last wrote into ``path``: 8 bytes, a little-endian float64 of unix seconds.

    The file is mapped, so that reading it costs no system call and every process sees a step at once.
    """

    rate = 0.0

    def __init__(self, path: Path, wire_rate: float = 1.0) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), _STAMP.size, access=mmap.ACCESS_READ)
        self._wire_rate = wire_rate

    def now(self) -> datetime:
        return datetime.fromtimestamp(_STAMP.unpack(self._map[: _STAMP.size])[0], UTC)

    def machine(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def wire(self) -> float:
        return time.time() * self._wire_rate


def pause(seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Let machine time pass (ticks, back-off, a rate window). Never used to wait for business time."""
    if seconds > 0:
        sleep(seconds)


def monotonic() -> float:
    """Seconds on a clock that never jumps: for durations and time-outs inside one process."""
    return time.monotonic()


def worked() -> float:
    """Seconds that this thread itself has worked: for limits that a busy machine must not make shorter."""
    return time.thread_time()
