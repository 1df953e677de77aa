"""Values that a step tells: plain ones, or the name of a field, which stands for what it holds when it is told.

``{kind: demo, total: event.total}`` becomes ``{"kind": "demo", "total": "49.00"}``. What is not known then is null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from flows.core.facts import MISSING, Facts, family, lookup
from flows.core.vocabulary import FIELDS

DEEPEST = 4
"""Groups and lists inside one another."""
MOST = 50
"""Entries of one group, or values of one list."""
LONGEST = 1000
"""Characters of a text."""
# What the time is where the person lives is for conditions only.
_FAMILIES = sorted({*(family(path) for path in FIELDS), "coupon", "event"} - {"now"})
_PATH = re.compile(rf"(?:{'|'.join(_FAMILIES)})(?:\.[A-Za-z0-9_]+)+\Z")
VALUE_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
"""What a value may be called."""


def is_field(value: Any) -> bool:
    """Whether this stands for what a field holds."""
    return isinstance(value, str) and _PATH.match(value) is not None


def fields_in(data: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The fields that are named, each with its place."""
    if is_field(data):
        yield where, data
    inner = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inner:
        yield from fields_in(value, (*where, name))


def families_in(data: Any) -> frozenset[str]:
    """The families of facts that ``taken`` reads."""
    return frozenset(family(path) for _, path in fields_in(data))


def taken(data: Any, facts: Facts) -> Any:
    """The same with what the fields hold now."""
    if is_field(data):
        found = lookup(facts, data)
        return None if found is MISSING else found
    if isinstance(data, Mapping):
        return {name: taken(value, facts) for name, value in data.items()}
    return [taken(value, facts) for value in data] if isinstance(data, list) else data


class ValuesField(fields.Field[dict[str, Any]]):
    """A group of named values."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValidationError("write {name: value}, for example {total: event.total}")
        _look_at(value, DEEPEST)
        return dict(value)


def _look_at(value: Any, left: int) -> None:
    if isinstance(value, Mapping | list):
        if left == 0:
            raise ValidationError(f"at most {DEEPEST} groups may stand inside one another")
        if len(value) > MOST:
            raise ValidationError(f"at most {MOST} values may stand in one group")
        for name in value if isinstance(value, Mapping) else ():
            if not isinstance(name, str) or not re.fullmatch(VALUE_NAME, name):
                raise ValidationError(f"“{name}” is no name: it has letters, digits and _")
        for inner in value.values() if isinstance(value, Mapping) else value:
            _look_at(inner, left - 1)
    elif isinstance(value, str) and len(value) > LONGEST:
        raise ValidationError(f"a text has at most {LONGEST} characters")
