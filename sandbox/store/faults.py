"""What goes wrong with webhooks on demand: what is doubled, delayed, shuffled, lost or forged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.store.striking import Strike, Strikes


@dataclass
class Fault(Strike):
    """One fault. `shop` and `topic` narrow it; `count` is how many webhooks it still strikes, if limited.

    `duplicate` sends `times` deliveries, under one webhook id or, with `new_id`, under one each. `shuffle`
    sends each delivery after a random wait of up to `seconds` real seconds, out of order. `delay` waits
    `seconds` real seconds. `late` waits until the business clock has moved on by `seconds`. `drop` sends
    nothing. `wrong_signature` sends one more delivery, signed with another secret and never retried.
    """

    kinds: ClassVar[tuple[str, ...]] = ("duplicate", "shuffle", "delay", "late", "drop", "wrong_signature")

    topic: str | None = None
    times: int = 2
    new_id: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.times < 1:
            raise ValueError(f"fault {self.kind}: times at least 1")

    @property
    def about(self) -> str | None:
        return self.topic


@dataclass(frozen=True)
class Copy:
    """How one delivery of a webhook is to be made."""

    new_id: bool = False
    forged: bool = False
    in_order: bool = True
    wait_seconds: float = 0.0
    late_seconds: float = 0.0


class Faults(Strikes[Fault]):
    """The faults in force; the same seed and the same webhooks give the same copies."""

    def __init__(self, seed: int) -> None:
        super().__init__(Fault, f"{seed}:faults")

    def copies(self, shop: str, topic: str) -> list[Copy]:
        """The deliveries that one webhook becomes: one plain copy if nothing strikes it, none if dropped."""
        with self.lock:
            by_kind = self.struck(shop, topic)
            duplicate, shuffle = by_kind.get("duplicate"), by_kind.get("shuffle")
            delay, late = by_kind.get("delay"), by_kind.get("late")
            copies = []
            for n in range(duplicate.times if duplicate else 1):
                wait = delay.seconds if delay else 0.0
                if shuffle:
                    wait += self.rng.uniform(0, shuffle.seconds)
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
