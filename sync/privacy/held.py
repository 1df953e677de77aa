"""How a table says what it holds of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Table

Kept = Literal["nothing of a person", "a digest", "the erased person's empty row", "own rules"]


@dataclass(frozen=True)
class Delete:
    """The rows go."""


@dataclass(frozen=True)
class Blank:
    """The rows stay for ``reason``, with these columns set to these values."""

    reason: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Keep:
    """The rows stay as they are, for ``reason``."""

    reason: str


@dataclass(frozen=True)
class Held:
    """What one table holds of a person.

    ``why``: what the table is for. ``personal``: {column: what it tells of the person}; ``other``: the remaining
    columns, which tell nothing of anybody. ``found``: the condition, over the names of ``Traces.parameters`` and
    ``:shop``, that a row is about the person; None when no row ever is. ``fate``: what an erasure does to the rows
    found.
    """

    table: Table
    why: str
    fate: Delete | Blank | Keep
    personal: Mapping[str, str] = field(default_factory=dict)
    other: str = ""
    found: str | None = None

    @property
    def name(self) -> str:
        return str(self.table.name)

    def faults(self) -> list[str]:
        """What is wrong with the declaration: columns that it does not name, or that are not there."""
        named = [*self.personal, *self.other.split()]
        there = {column.name for column in self.table.columns}
        wrong = [f"{self.name}.{name}: not declared" for name in sorted(there - set(named))]
        wrong += [f"{self.name}.{name}: no such column" for name in sorted(set(named) - there)]
        wrong += [
            f"{self.name}.{name}: declared twice" for name in sorted({one for one in named if named.count(one) > 1})
        ]
        if isinstance(self.fate, Blank):
            left = set(self.personal) - set(self.fate.values)
            wrong += [f"{self.name}.{name}: personal and not blanked" for name in sorted(left)]
        if isinstance(self.fate, Keep) and self.personal:
            wrong.append(f"{self.name}: kept with personal columns")
        if self.personal and self.found is None:
            wrong.append(f"{self.name}: nothing says how rows of a person are found")
        return wrong


def whose(column: str, parameter: str = "persons", kind: str = "bigint") -> str:
    """The condition that ``column`` names the person, by one of the names of ``Traces.parameters``."""
    return f"{column} = ANY(CAST(:{parameter} AS {kind}[]))"


PERSON = whose("person_id")
NOTHING = Keep("it tells nothing of a customer")
