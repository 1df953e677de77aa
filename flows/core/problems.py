"""What is wrong with a flow file, in sentences that a marketer understands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Nested

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]
"""Where each entry of the data stands in its file: path -> line, counted from 1."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` is 0 when the flow did not come from a file."""

    file: str
    line: int
    sentence: str
    todo: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        said = [text if text.endswith((".", "?")) else f"{text}." for text in (self.sentence, self.todo) if text]
        return f"{place}: {' '.join(said)}"


class DefinitionError(Exception):
    """The flow cannot be used as it is; `problems` holds everything that was found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class Finder:
    """Collects problems of one file and knows the lines."""

    file: str
    lines: Lines
    found: list[Problem]

    def add(self, path: Path, sentence: str, todo: str = "") -> None:
        problem = Problem(self.file, self.line(path), sentence, todo)
        if problem not in self.found:
            self.found.append(problem)

    def line(self, path: Path) -> int:
        """The line of the entry, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1 if self.lines else 0)

    def schema(self, path: Path, schema: Schema, errors: Mapping[Any, Any]) -> None:
        """Add what marshmallow found in the data at `path`."""
        for inner, message in _flat(errors):
            name = next((part for part in reversed(inner) if isinstance(part, str)), "")
            if message == "Unknown field.":
                known = _keys_at(schema, inner[:-1])
                self.add((*path, *inner), f"“{name}” is not known here", suggestion(name, known))
            else:
                self.add((*path, *inner), *_said(name, message))


def suggestion(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean “{close[0]}”?" if close else f"Known are {', '.join(sorted(known))}"


def _flat(errors: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(errors, Mapping):
        for key, value in errors.items():
            # marshmallow's own layers, which are not in the file.
            inner = path if key in ("_schema", "value") else path if key == "key" else (*path, key)
            yield from _flat(value, inner)
    else:
        for message in errors:
            yield path, str(message)


def _keys_at(schema: Schema, path: Path) -> list[str]:
    for part in path:
        inner = next((f for n, f in schema.fields.items() if (f.data_key or n) == part), None)
        if isinstance(inner, Nested):
            schema = inner.schema
    return [f.data_key or name for name, f in schema.fields.items()]


_PHRASES = {
    "Missing data for required field.": ("“{name}” is missing", "Add it"),
    "Field may not be null.": ("“{name}” is empty", "Fill it in or leave it out"),
    "Not a valid string.": ("“{name}” must be a text", "Put it in quotes"),
    "Not a valid integer.": ("“{name}” must be a whole number", ""),
    "Not a valid list.": ("“{name}” must be a list", "Begin each entry with a dash, or write [one, other]"),
    "Not a valid mapping type.": ("“{name}” must be a group of named entries", "Write {{name: value}}"),
    "Invalid input type.": ("“{name}” must be a group of named entries", "Write {{name: value}}"),
    "Not a valid date.": ("“{name}” must be a date", "Write for example 2026-11-01"),
}


def _said(name: str, message: str) -> tuple[str, str]:
    if not name:
        return "It must be a group of named entries", "Write name: value, one below the other"
    if message in _PHRASES:
        sentence, todo = _PHRASES[message]
        return sentence.format(name=name), todo.format()
    return f"“{name}”: {message.rstrip('.')}", ""
