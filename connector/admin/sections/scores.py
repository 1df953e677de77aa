"""Points for what somebody does, as lines of a form: the event, what must hold of it, and how many points it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.admin.sections import asking
from connector.admin.sections.kinds import NUMBER, TEXT, Column
from connector.admin.sections.rows import Line, rows


def _read(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [_rule(number, line) for number, line in enumerate(lines, 1)]


def _rule(number: int, line: Line) -> dict[str, Any]:
    if "on" not in line or "points" not in line:
        raise ValueError(f"Line {number}: Name the event, and how many points it gives.")
    field, way, value = (line.get(one, "") for one in ("field", "way", "value"))
    if (field or value) and not way:
        raise ValueError(f"Line {number}: Say how {field or value} is compared.")
    try:
        where = asking.read(field, way, value) if way else None
    except ValueError as error:
        raise ValueError(f"Line {number}: {error}") from None
    return {"on": line["on"], "where": where, "points": line["points"]}


def _lines(rules: Sequence[Mapping[str, Any]] | None) -> Iterator[Line]:
    for one in rules or ():
        field, way, value = asking.shown(one["where"]) if one.get("where") else ("", "", "")
        yield {"on": one["on"], "field": field, "way": way, "value": value, "points": one["points"]}


POINTS = rows(
    (
        Column("on", "When this happens", TEXT, "events"),
        Column("field", "And of it", TEXT),
        Column("way", "Compared", asking.way(first="whatever it is")),
        Column("value", "With", TEXT),
        Column("points", "Points", NUMBER),
    ),
    _read,
    _lines,
)
