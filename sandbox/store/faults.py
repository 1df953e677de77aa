"""What goes wrong with webhooks on demand: what is doubled, delayed, shuffled, lost or forged."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from random import Random
from typing import Any

KINDS = ("duplicate", "shuffle", "delay", "late", "drop", "wrong_signature")


@dataclass
class Fault:
    """One fault. `shop` and `topic` narrow it; `count` is how many webhooks it still strikes, if limited.

    `duplicate` sends `times` deliveries, under one webhook id or, with `new_id`, under one each. `shuffle`
    sends each delivery after a random wait of up to `seconds` real seconds, out of order. `delay` waits
    `seconds` real seconds. `late` waits until the business clock has moved on by `seconds`. `drop` sends
    nothing. `wrong_signature` sends one more delivery, signed with another secret and never retried.
    """

    kind: str
    shop: str | None = None
    topic: str | None = None
    probability: float = 1.0
    count: int | None = None
    times: int = 2
    seconds: float = 0.3
    new_id: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}, one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1 or self.times < 1 or self.seconds < 0:
            raise ValueError(f"fault {self.kind}: probability 0 to 1, times at least 1, seconds not below 0")


@dataclass(frozen=True)
class Copy:
    """How one delivery of a webhook is to be made."""

    new_id: bool = False
    forged: bool = False
    in_order: bool = True
    wait_seconds: float = 0.0
    late_seconds: float = 0.0


class Faults:
    """The faults in force; the same seed and the same webhooks give the same copies."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}:faults")
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def replace(self, documents: list[dict[str, Any]]) -> None:
        """Put these faults in force instead of all before. Raises ValueError, TypeError."""
        faults = [Fault(**document) for document in documents]
        with self._lock:
            self._faults = faults

    def copies(self, shop: str, topic: str) -> list[Copy]:
        """The deliveries that one webhook becomes: one plain copy if nothing strikes it, none if dropped."""
        with self._lock:
            struck = [fault for fault in self._faults if self._strikes(fault, shop, topic)]
            by_kind = {fault.kind: fault for fault in struck}
            duplicate, shuffle = by_kind.get("duplicate"), by_kind.get("shuffle")
            delay, late = by_kind.get("delay"), by_kind.get("late")
            copies = []
            for n in range(duplicate.times if duplicate else 1):
                wait = delay.seconds if delay else 0.0
                if shuffle:
                    wait += self._rng.uniform(0, shuffle.seconds)
                copies.append(
                    Copy(
                        new_id=bool(duplicate and duplicate.new_id and n),
                        in_order=not (shuffle or delay),
                        wait_seconds=wait,
                        late_seconds=late.seconds if late else 0.0,
                    )
                )
            if "drop" in by_kind:
                copies = []
            if "wrong_signature" in by_kind:
                copies.append(Copy(forged=True, in_order=False))
            return copies

    def _strikes(self, fault: Fault, shop: str, topic: str) -> bool:
        if fault.shop not in (None, shop) or fault.topic not in (None, topic) or fault.count == 0:
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
        return True
