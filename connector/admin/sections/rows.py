"""Settings that are lists: a table in the form, a line for each entry. A line is added by filling in an empty one and
goes when it is emptied or ticked, so that none of it takes script.

As text, which is what a form's fields are made of, such a setting is a JSON list of {column: text}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from connector.admin.sections.kinds import Column, Kind

Line = Mapping[str, Any]
"""{column: its value}, without the columns that were left empty."""

EMPTY = 3
"""Lines for more that a table ends with."""
MORE = 12
"""The same, when somebody asks for more."""
GONE = "gone"
"""The column of the form that takes a line away."""


def rows(
    columns: Sequence[Column], read: Callable[[Sequence[Line]], Any], lines: Callable[[Any], Iterable[Line]]
) -> Kind:
    """``lines``: of the setting's value; ``read``: the value of lines, ValueError with a sentence when none is."""

    def taken(text: str) -> Any:
        found: list[Line] = []
        wrong: list[str] = []
        for number, line in enumerate(_texts(columns, text), 1):
            try:
                found.append({one.name: one.kind.read(line[one.name]) for one in columns if _is_said(one, line)})
            except ValueError as error:
                wrong.append(f"Line {number}: {error}")
        if wrong:
            raise ValueError(" ".join(wrong))
        return read(found)

    def shown(value: Any) -> str:
        said = [{one.name: one.kind.show(line.get(one.name)) for one in columns} for line in lines(value)]
        return orjson.dumps(said).decode()

    return Kind(taken, shown, control="rows", columns=columns)


def shown_lines(text: str, empty: int = EMPTY) -> list[dict[str, str]]:
    """The lines of this text for the form, with so many empty ones behind them."""
    return [*_lines(text), *({} for _ in range(empty))]


def gathered(form: Mapping[str, str], path: str, columns: Sequence[Column]) -> str:
    """The text of what a form's fields ``path.NUMBER.COLUMN`` say, in the order of the numbers."""
    names = [one.name for one in columns]
    by_line: dict[int, dict[str, str]] = {}
    for name, text in form.items():
        found = _field_of(path, columns, name)
        if found is not None:
            by_line.setdefault(found[0], {})[found[1]] = text.replace("\r\n", "\n").strip()
    said = [{one: line.get(one, "") for one in names} for _, line in sorted(by_line.items()) if not line.get(GONE)]
    return orjson.dumps([line for line in said if not _is_empty(columns, line)]).decode()


def is_field(path: str, columns: Sequence[Column], name: str) -> bool:
    """Whether the form's field of this name is one of this table."""
    return _field_of(path, columns, name) is not None


def _field_of(path: str, of: Sequence[Column], name: str) -> tuple[int, str] | None:
    """Its line and its column."""
    columns = [*(one.name for one in of), GONE]
    found = re.fullmatch(rf"{re.escape(path)}\.(\d{{1,4}})\.({'|'.join(map(re.escape, columns))})", name)
    return (int(found[1]), found[2]) if found else None


def _texts(columns: Sequence[Column], text: str) -> list[dict[str, str]]:
    return [{one.name: str(line.get(one.name, "")).strip() for one in columns} for line in _lines(text)]


def _lines(text: str) -> list[dict[str, str]]:
    try:
        found = orjson.loads(text or "[]")
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(line, dict) for line in found):
        raise ValueError("Write a list of lines.")
    return found


def _is_said(column: Column, line: Mapping[str, str]) -> bool:
    return bool(line[column.name]) or column.kind.control == "flag"


def _is_empty(columns: Sequence[Column], line: Mapping[str, str]) -> bool:
    """Of a choice one is always chosen, which alone says nothing."""
    return not any(line[one.name] for one in columns if one.kind.control == "input")
