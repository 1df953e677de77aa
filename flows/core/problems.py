"""What is wrong with a flow file, in sentences that a marketer understands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Dict, Field, List, Nested

READABLE = 20
"""More names than this in one sentence help nobody."""
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
    found: list[Problem] = field(default_factory=list)
    places: set[Path] = field(default_factory=set)

    def about(self, path: Path) -> bool:
        """Whether something was wrong with the entry at `path` itself."""
        return path in self.places

    def add(self, path: Path, sentence: str, todo: str = "") -> None:
        self.places.add(path)
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
        for inner, message in _flat(errors, schema):
            name = next((part for part in reversed(inner) if isinstance(part, str)), "")
            if message == "Unknown field.":
                known = _keys_at(schema, inner[:-1])
                self.add((*path, *inner), f"“{name}” is not known here", suggestion(name, known))
            else:
                self.add((*path, *inner), *_said(name, message))


def suggestion(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean “{close[0]}”?"
    if len(known) <= READABLE:
        return f"Known are {', '.join(sorted(known))}"
    near = get_close_matches(name, known, n=3, cutoff=0.3)
    said = f"Nearest are {', '.join(near)}. " if near else ""
    return f"{said}All of them are in docs/flows.md"


def _flat(errors: Any, schema: Schema | None, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each message with the path of what it is about, without marshmallow's own layers."""
    if not isinstance(errors, Mapping):
        for message in errors:
            yield path, str(message)
        return
    for key, value in errors.items():
        found = _field(schema, key)
        if key == "_schema":
            yield from _flat(value, None, path)
        elif isinstance(key, int):
            yield from _flat(value, schema, (*path, key))
        elif isinstance(found, Dict) and isinstance(value, Mapping):
            # {entry: {"key": ..., "value": ...}}
            inner = within(found)
            for entry, layers in value.items():
                for layer in layers.values():
                    yield from _flat(layer, inner, (*path, key, entry))
        else:
            yield from _flat(value, within(found), (*path, key))


def _field(schema: Schema | None, key: Any) -> Field[Any] | None:
    fields = schema.fields if schema else {}
    return next((one for name, one in fields.items() if (one.data_key or name) == key), None)


def within(field: Field[Any] | None) -> Schema | None:
    """Of what this entry is made, or each entry of it when it is a list."""
    match field:
        case Nested():
            inner: Schema = field.schema
            return inner
        case List():
            return within(field.inner)
        case Dict():
            return within(field.value_field)
        case _:
            return None


def _keys_at(schema: Schema, path: Path) -> list[str]:
    for part in path:
        schema = within(_field(schema, part)) or schema
    return [one.data_key or name for name, one in schema.fields.items()]


_PHRASES = {
    "Missing data for required field.": ("“{name}” is missing", "Add it"),
    "Field may not be null.": ("“{name}” is empty", "Fill it in or leave it out"),
    "Not a valid string.": ("“{name}” must be a text", "Put it in quotes"),
    "Not a valid integer.": ("“{name}” must be a whole number", ""),
    "Not a valid list.": ("“{name}” must be a list", "Begin each entry with a dash, or write [one, other]"),
    "Not a valid mapping type.": ("“{name}” must be a group of named entries", "Write {{name: value}}"),
    "Invalid input type.": ("“{name}” must be a group of named entries", "Write {{name: value}}"),
    "Not a valid boolean.": ("“{name}” must be true or false", ""),
    "Not a valid number.": ("“{name}” must be a number", ""),
    "Not a valid date.": ("“{name}” must be a date", "Write for example 2026-11-01"),
}


def _said(name: str, message: str) -> tuple[str, str]:
    if not name:
        return "It must be a group of named entries", "Write name: value, one below the other"
    if message in _PHRASES:
        sentence, todo = _PHRASES[message]
        return sentence.format(name=name), todo.format()
    return f"“{name}”: {message.rstrip('.')}", ""
