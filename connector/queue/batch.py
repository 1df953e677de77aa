"""What answering a bell once came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """``done``: how many pieces of work something was done about; ``more``: whether to look again at once."""

    done: int
    more: bool


NOTHING = Batch(0, False)
