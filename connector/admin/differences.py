"""What is different between two sets of files, line by line, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "added", "removed", "skipped"]
AROUND = 3
"""Lines that are the same, shown before and after a difference."""
# Comparing costs the product of the lengths where few lines are alike: longer ones stand one after the other.
_MOST_LINES = 3000


@dataclass(frozen=True)
class Line:
    """``kind``: skipped stands for lines that are the same and not shown, ``text`` says how many."""

    kind: Kind
    text: str

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "-", "same": " ", "skipped": ""}[self.kind]


@dataclass(frozen=True)
class Difference:
    """One file. ``what``: added | removed | changed; ``more`` and ``less``: how many lines it has more, and no more."""

    file: str
    what: Literal["added", "removed", "changed"]
    lines: tuple[Line, ...]

    @property
    def more(self) -> int:
        return sum(line.kind == "added" for line in self.lines)

    @property
    def less(self) -> int:
        return sum(line.kind == "removed" for line in self.lines)


def between(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What makes the files ``after`` out of the files ``before``, in the order of ``after``; files that are the same
    are left out."""
    found = []
    for file in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(file), after.get(file)
        if old == new:
            continue
        what: Literal["added", "removed", "changed"] = (
            "added" if old is None else "removed" if new is None else "changed"
        )
        found.append(Difference(file, what, tuple(_compared((old or "").splitlines(), (new or "").splitlines()))))
    return found


def _compared(old: list[str], new: list[str]) -> Iterator[Line]:
    if len(old) + len(new) > _MOST_LINES:
        yield from (Line("removed", line) for line in old)
        yield from (Line("added", line) for line in new)
        return
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (step, i1, i2, j1, j2) in enumerate(steps):
        if step == "equal":
            yield from _same(old[i1:i2], first=number == 0, last=number == len(steps) - 1)
            continue
        yield from (Line("removed", line) for line in old[i1:i2])
        yield from (Line("added", line) for line in new[j1:j2])


def _same(lines: list[str], *, first: bool, last: bool) -> Iterator[Line]:
    head = 0 if first else AROUND
    tail = 0 if last else AROUND
    left = len(lines) - head - tail
    if left <= 1:
        yield from (Line("same", line) for line in lines)
        return
    yield from (Line("same", line) for line in lines[:head])
    yield Line("skipped", f"{left} lines that are the same")
    yield from (Line("same", line) for line in lines[len(lines) - tail :])
