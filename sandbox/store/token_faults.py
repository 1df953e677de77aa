"""What goes wrong on demand at the token endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.store.striking import Strike, Strikes


@dataclass
class TokenFault(Strike):
    """One fault. `shop` and `grant` narrow it; `count` is how many requests it still strikes, if limited.

    `lost`: what was asked is done, then the connection is cut without an answer. `cut`: it is cut and nothing is done.
    `slow`: what was asked is done, and the answer leaves `seconds` (real) later. `delay`: it is done `seconds` later.
    `error`: `status` and nothing done. `throttled`: 429 with `Retry-After: retry_after`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("lost", "cut", "slow", "delay", "error", "throttled")

    grant: str | None = None
    status: int = 503
    retry_after: float = 1.0

    @property
    def about(self) -> str | None:
        return self.grant


class TokenFaults(Strikes[TokenFault]):
    """The faults in force; the same seed and the same requests meet the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__(TokenFault, f"{seed}:token faults")

    def striking(self, shop: str, grant: str) -> dict[str, TokenFault]:
        """The faults that strike one request, by kind."""
        with self.lock:
            return self.struck(shop, grant)
