"""What a check says, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

Subject = TypeVar("Subject")


class Level(IntEnum):
    """How bad it is; the number is the exit code of the command."""

    OK = 0
    WARNING = 1
    BROKEN = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """``says``: one sentence on how things are; ``do``: what to do about it; ``examples``: ids of rows that it is
    about. Nothing here is secret or personal. ``check`` and ``shop`` (domain) are filled in by the examination."""

    level: Level
    says: str
    do: str = ""
    examples: Sequence[int | str] = ()
    check: str = ""
    shop: str = ""


def ok(says: str) -> Finding:
    return Finding(Level.OK, says)


def warning(says: str, do: str, examples: Sequence[int | str] = ()) -> Finding:
    return Finding(Level.WARNING, says, do, examples)


def broken(says: str, do: str, examples: Sequence[int | str] = ()) -> Finding:
    return Finding(Level.BROKEN, says, do, examples)


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One thing that is looked at.

    ``run`` says what it found, nothing when all is well; then ``well`` is said for it. It may raise ProviderError,
    ConfigurationError and errors of the database: the examination turns them into findings. ``seconds``: how long it
    may take, in machine time. ``needs``: checks without which this one cannot tell; when one of them is broken, this
    one is left out. ``calls``: it calls the store or Brevo.
    """

    name: str
    well: str
    run: Callable[[Subject], Iterable[Finding]]
    seconds: float = 5.0
    needs: tuple[str, ...] = field(default=())
    calls: bool = False
