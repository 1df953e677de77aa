"""The one home of time in the sandbox: business time, wire time and real time, all in unix seconds.

Business time is what the simulated shoppers and payloads live in. It is, in this order: the number in
`CLOCK_FILE` (8 bytes, little-endian float64, rewritten in place by whoever steps the clock); or
`CLOCK_START + (real - CLOCK_EPOCH) * CLOCK_RATE`; or real time. Wire time drives rate windows: real
seconds times `WIRE_RATE`.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

_INSTANT = struct.Struct("<d")


def write_clock_file(path: str | Path, now: float) -> None:
    """Create `path`, or step it to `now` in place, so that processes that have it mapped see the new time."""
    file = Path(path)
    if file.exists() and file.stat().st_size == _INSTANT.size:
        with file.open("r+b") as handle:
            handle.write(_INSTANT.pack(now))
    else:
        file.write_bytes(_INSTANT.pack(now))


def iso_utc(at: float) -> str:
    """`at` in unix seconds as `2026-10-01T12:00:00Z`, whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


class Clock:
    """Business time from `read`, wire time at `wire_rate` real seconds a second."""

    def __init__(self, read: Callable[[], float] = time.time, wire_rate: float = 1.0) -> None:
        self._read = read
        self._wire_rate = wire_rate

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Clock:
        """Read CLOCK_FILE, CLOCK_START, CLOCK_EPOCH, CLOCK_RATE and WIRE_RATE; raises ValueError, OSError."""
        env = os.environ if env is None else env
        wire_rate = float(env.get("WIRE_RATE") or 1)
        if wire_rate <= 0:
            raise ValueError("WIRE_RATE must be above 0")
        if env.get("CLOCK_FILE"):
            return cls(_stepped(Path(env["CLOCK_FILE"])), wire_rate)
        if env.get("CLOCK_START") or env.get("CLOCK_RATE"):
            if not env.get("CLOCK_EPOCH"):
                raise ValueError("CLOCK_EPOCH is required when the clock is moved")
            epoch = float(env["CLOCK_EPOCH"])
            start = float(env.get("CLOCK_START") or epoch)
            rate = float(env.get("CLOCK_RATE") or 1)
            return cls(lambda: start + (time.time() - epoch) * rate, wire_rate)
        return cls(time.time, wire_rate)

    def now(self) -> float:
        """Business time."""
        return self._read()

    def real(self) -> float:
        """Real time, for logs that are compared with other processes of this machine."""
        return time.time()

    def wire(self) -> float:
        """Seconds on the clock of rate windows; only differences mean something."""
        return time.time() * self._wire_rate

    def pause_wire(self, seconds: float) -> None:
        """Wait until `seconds` of wire time have passed."""
        self.pause(seconds / self._wire_rate)

    def pause(self, seconds: float) -> None:
        """Wait real seconds: for machine time such as back-off and slow answers, never for business time."""
        time.sleep(max(0.0, seconds))


def _stepped(path: Path) -> Callable[[], float]:
    if path.stat().st_size != _INSTANT.size:
        raise ValueError(f"CLOCK_FILE {path} must hold one float64 of {_INSTANT.size} bytes")
    with path.open("rb") as handle:
        # Mapped once: reading the time costs no system call, and the driver's write is seen at once.
        view = mmap.mmap(handle.fileno(), _INSTANT.size, access=mmap.ACCESS_READ)
    return lambda: _INSTANT.unpack_from(view)[0]
