"""Signs of life: when each kind of process last came by, and what is going wrong there, for others to read.

Kept in Redis and not in PostgreSQL, because trouble with PostgreSQL is what most needs telling. An emptied Redis is
filled again by the next beat; several processes of one kind share one pulse. How much memory each of them has taken
is kept by process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import orjson
from redis import Redis
from redis.exceptions import RedisError

# A beat is written at most once in so many seconds of machine time unless something has changed.
_EVERY_SECONDS = 1.0
_LIFE_SECONDS = 86_400

CLOCK = "clock"
HOUSEKEEPING = "housekeeping"
_WORKER = "worker"

# After so many seconds of machine time without a beat nobody is taken to be there. An idle worker and housekeeping at
# rest beat every 30 s; a batch of housekeeping may take a while.
_SILENCE = {CLOCK: 15.0, HOUSEKEEPING: 600.0, _WORKER: 90.0}


def worker(queue: str) -> str:
    """The name of the pulse that the workers of a queue share."""
    return f"{_WORKER}:{queue}"


@dataclass(frozen=True)
class Sign:
    """``state``: "alive", "failing" or "silent"; ``age``: seconds since the newest beat, None when there is none;
    ``failures``: how often in a row it has failed, last with ``error``."""

    state: str
    age: float | None = None
    failures: int = 0
    error: str = ""


@dataclass(frozen=True)
class Beat:
    """``at``: machine time; ``failures``: how often in a row it has failed by then, last with ``error``."""

    at: datetime
    failures: int = 0
    error: str = ""


class Pulse:
    """What a process writes. ``name`` is CLOCK, HOUSEKEEPING or ``worker(queue)``."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._name = name
        self._last: Beat | None = None

    def beat(self, at: datetime, error: str = "") -> None:
        """Came by at ``at`` (machine time) without trouble, or failed with ``error`` (a word). Never raises."""
        failures = (self._last.failures if self._last else 0) + 1 if error else 0
        beat = Beat(at, failures, error)
        last = self._last
        if last and not error and not last.failures and (at - last.at).total_seconds() < _EVERY_SECONDS:
            return
        self._last = beat
        body = {"at": at.isoformat(), "failures": failures, "error": error}
        peak = {"at": at.isoformat(), "mb": peak_mb()}
        try:
            self._redis.set(_key(self._name), orjson.dumps(body), ex=_LIFE_SECONDS)
            self._redis.hset(_PEAKS, f"{self._name}#{os.getpid()}", orjson.dumps(peak))
        except RedisError:
            return


def signs(redis: Redis, names: Sequence[str], machine: datetime) -> dict[str, Sign]:
    """How these pulses are at ``machine`` time. Raises RedisError."""
    written = redis.mget([_key(name) for name in names])
    return {name: _sign(name, body, machine) for name, body in zip(names, written, strict=True)}  # type: ignore[arg-type]


def peak_mb() -> float:
    """The most memory that this process has had resident, in MiB; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    # Not getrusage: what it says begins with the parent's.
    told = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return round(int(told.split()[1]) / 1024, 1)


def peaks(redis: Redis, machine: datetime) -> dict[str, float]:
    """{name: MiB} of the processes that have beaten lately, the greatest of each kind. Raises RedisError."""
    found: dict[str, float] = {}
    for field, body in cast(dict[bytes, bytes], redis.hgetall(_PEAKS)).items():
        told = orjson.loads(body)
        name = field.decode().partition("#")[0]
        age = (machine - datetime.fromisoformat(told["at"])).total_seconds()
        if age > _LIFE_SECONDS:
            redis.hdel(_PEAKS, field)
        elif age <= _SILENCE[name.partition(":")[0]]:
            found[name] = max(found.get(name, 0.0), told["mb"])
    return found


_PEAKS = "pulse:peaks"


def _sign(name: str, written: bytes | None, machine: datetime) -> Sign:
    if written is None:
        return Sign("silent")
    body = orjson.loads(written)
    age = max(0.0, round((machine - datetime.fromisoformat(body["at"])).total_seconds(), 3))
    silent = age > _SILENCE[name.partition(":")[0]]
    state = "silent" if silent else "failing" if body["failures"] else "alive"
    return Sign(state, age, body["failures"], body["error"])


def _key(name: str) -> str:
    return f"pulse:{name}"
