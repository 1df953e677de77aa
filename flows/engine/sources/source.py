"""A source: where the facts at one path of a message's context come from, read for a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.scope import Scope
from flows.content import names
from flows.content.source import MessageSource
from flows.core.model import Run
from flows.engine.people import Person

# More than these of one list no block shows.
MOST = 12


@dataclass(frozen=True)
class Wanted:
    """A message that is to be written: for whom, in which run, and how it reads. ``id``: of the outbox."""

    id: int
    person: Person
    run: Run
    source: MessageSource

    @property
    def person_id(self) -> int:
        return int(self.person.row["id"])

    def names(self, *path: str) -> bool:
        """Whether the message may read something at this path."""
        return names.names(self.source, *path)


@dataclass(frozen=True)
class Source:
    """``path``: ("order",) or ("person", "segments"). ``read(scope, wanted)``: {id of a message: what it sees there},
    left out where there is nothing; asked only for messages that name the path."""

    path: tuple[str, ...]
    read: Callable[[Scope, Sequence[Wanted]], Mapping[int, Any]]
