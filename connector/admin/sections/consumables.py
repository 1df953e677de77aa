"""What is used up, as lines of a form: kinds of consumables, and which products are of which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.admin.sections.kinds import FLAG, NUMBER, TEXT, Column, choice
from connector.admin.sections.rows import Line, rows

_DAYS = (Column("cycle_days", "Lasts days", NUMBER), Column("first_reminder_day", "Remind on day", NUMBER))
_WHICH: Mapping[str, str] = {
    "tag": "Products with the tag",
    "product_type": "Products of the type",
    "sku": "The article number",
    "product": "The product's id",
    "variant": "The variant's id",
}
_NUMBERS = ("product", "variant")


def _read_kinds(lines: Sequence[Line]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        name = line.get("name", "")
        if not name or name in found:
            raise ValueError(f"Line {number}: Give each kind a name of its own, such as tea-tin.")
        found[name] = {one.name: line[one.name] for one in _DAYS if one.name in line}
    return found


def _kinds(kinds: Mapping[str, Mapping[str, Any]] | None) -> Iterator[Line]:
    for name, one in sorted((kinds or {}).items()):
        yield {"name": name, **one}


def _read_products(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [_product(number, line) for number, line in enumerate(lines, 1)]


def _product(number: int, line: Line) -> dict[str, Any]:
    which, named = line.get("which", ""), line.get("named", "")
    if not which or not named or (which in _NUMBERS and not named.isdecimal()):
        what = "their number, such as 45678901234" if which in _NUMBERS else "what it is called"
        raise ValueError(f"Line {number}: Say which products are meant: {what}.")
    made: dict[str, Any] = {which: int(named) if which in _NUMBERS else named}
    made |= {name: line[name] for name in ("kind", *(one.name for one in _DAYS)) if name in line}
    return made | ({"per_piece": True} if line.get("per_piece") else {})


def _products(products: Sequence[Mapping[str, Any]] | None) -> Iterator[Line]:
    for one in products or ():
        which = next(name for name in _WHICH if name in one)
        yield {**one, "which": which, "named": one[which]}


KINDS = rows((Column("name", "Kind", TEXT), *_DAYS), _read_kinds, _kinds)
PRODUCTS = rows(
    (
        Column("which", "Which", choice(*_WHICH.items())),
        Column("named", "Called", TEXT),
        Column("kind", "Of the kind", TEXT, "consumables"),
        *_DAYS,
        Column("per_piece", "Two last twice as long", FLAG),
    ),
    _read_products,
    _products,
)
