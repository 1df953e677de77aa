"""What goes wrong on demand at the token endpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from random import Random
from typing import Any

KINDS = ("lost", "cut", "slow", "delay", "error", "throttled")


@dataclass
class TokenFault:
    """One fault. `shop` and `grant` narrow it; `count` is how many requests it still strikes, if limited.

    `lost`: what was asked is done, then the connection is cut without an answer. `cut`: it is cut and nothing is done.
    `slow`: what was asked is done, and the answer leaves `seconds` (real) later. `delay`: it is done `seconds` later.
    `error`: `status` and nothing done. `throttled`: 429 with `Retry-After: retry_after`.
    """

    kind: str
    shop: str | None = None
    grant: str | None = None
    probability: float = 1.0
    count: int | None = None
    seconds: float = 0.3
    status: int = 503
    retry_after: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown token fault {self.kind!r}, one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1 or self.seconds < 0:
            raise ValueError(f"token fault {self.kind}: probability 0 to 1, seconds not below 0")


class TokenFaults:
    """The faults in force; the same seed and the same requests meet the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}:token faults")
        self._faults: list[TokenFault] = []
        self._lock = threading.Lock()

    def replace(self, documents: list[dict[str, Any]]) -> None:
        """Put these in force instead of all before. Raises ValueError, TypeError."""
        faults = [TokenFault(**document) for document in documents]
        with self._lock:
            self._faults = faults

    def striking(self, shop: str, grant: str) -> dict[str, TokenFault]:
        """The faults that strike one request, by kind."""
        with self._lock:
            return {one.kind: one for one in self._faults if self._strikes(one, shop, grant)}

    def _strikes(self, fault: TokenFault, shop: str, grant: str) -> bool:
        if fault.shop not in (None, shop) or fault.grant not in (None, grant) or fault.count == 0:
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
        return True
