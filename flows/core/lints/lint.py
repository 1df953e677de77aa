"""What a lint is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.core.problems import Path

Texts = Mapping[str, Mapping[str, str]]
"""Message -> its entries by name (subject, preview, channel, ...) and its body."""


@dataclass(frozen=True, slots=True)
class Remark:
    """`path`: where in the flow's file."""

    path: Path
    sentence: str
    todo: str


@dataclass(frozen=True, slots=True)
class Lint:
    name: str
    about: str
    look: Callable[[Mapping[str, Any], Texts], Iterable[Remark]]


def steps_in(data: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every group of entries in a file with its place, steps inside steps among them."""
    if isinstance(data, Mapping):
        yield path, data
        for name, inner in data.items():
            yield from steps_in(inner, (*path, name))
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for n, inner in enumerate(data):
            yield from steps_in(inner, (*path, n))
