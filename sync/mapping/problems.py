"""What is wrong with a mapping, for the merchant who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connector.errors import InvalidInput

ATTRIBUTES, EVENTS = "attributes", "events"
"""The two parts of a mapping."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``entry``: which one it is about, "" for the whole; ``wrong``: what; ``cure``: what to do."""

    part: str
    entry: str
    wrong: str
    cure: str
    line: int | None = None

    def __str__(self) -> str:
        place = " ".join(one for one in (self.part, self.entry) if one)
        at = f"line {self.line}: " if self.line is not None else ""
        return f"{at}{f'{place} ' if place else ''}{self.wrong}: {self.cure}"


class WrongMapping(InvalidInput):
    """A mapping that cannot be taken, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))
