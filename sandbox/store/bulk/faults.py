"""What goes wrong with bulk queries and their files on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.store.striking import Strike, Strikes

ERROR_CODES = ("ACCESS_DENIED", "INTERNAL_SERVER_ERROR", "TIMEOUT")


@dataclass
class BulkFault(Strike):
    """One fault. `shop` and `root` (the first field of the query) narrow it; `count` is how often it still strikes.

    Of operations: `fail` ends with `error_code` after `share` of the records, which are at `partialDataUrl`.
    Of downloads: `cut` ends the connection after `share` of what was asked for; `forbidden` answers 403 as a link that
    has run out; `error` answers `status`; `slow` waits `seconds` (real) before the first byte.
    """

    kinds: ClassVar[tuple[str, ...]] = ("fail", "cut", "forbidden", "error", "slow")

    root: str | None = None
    share: float = 0.5
    error_code: str = "INTERNAL_SERVER_ERROR"
    status: int = 503

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1 or self.error_code not in ERROR_CODES:
            raise ValueError(f"fault {self.kind}: share from 0 to 1, error_code one of {', '.join(ERROR_CODES)}")

    @property
    def about(self) -> str | None:
        return self.root


class BulkFaults(Strikes[BulkFault]):
    """The faults in force; the same seed and the same requests meet the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__(BulkFault, f"{seed}:bulk faults")

    def striking(self, shop: str, root: str, *kinds: str) -> dict[str, BulkFault]:
        """The faults of these kinds that strike now, by kind."""
        with self.lock:
            return self.struck(shop, root, kinds)
