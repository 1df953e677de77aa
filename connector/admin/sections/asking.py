"""Conditions as fields of a form: what is asked for, how it is compared, with what.

What is more than that, such as a condition inside another, is one text as flow files have it, written as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from connector.admin.sections.kinds import Kind, choice
from connector.nesting import DEEPEST, is_too_deep
from flows.core.operands import FLAG, MONTHS, RANGE, SEVERAL
from flows.core.operators import OPERATORS
from flows.core.wants import said

KNOWN, UNKNOWN, WRITTEN = "known", "unknown", "written"
_LISTS = (SEVERAL, RANGE, MONTHS)
_PLAIN = [name for name, one in OPERATORS.items() if one.entries is None and one.operand is not FLAG]
WAYS: Mapping[str, str] = {
    **{name: said(name) + (" (several, with commas)" if OPERATORS[name].operand in _LISTS else "") for name in _PLAIN},
    KNOWN: "is known",
    UNKNOWN: "is not known",
    WRITTEN: "as a flow file has it, as JSON",
}
"""How something is compared -> how that is said."""

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,8})?\Z")
_PART = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|[^,]*)\s*(?:,|\Z)")


def way(*more: tuple[str, str], first: str = "") -> Kind:
    """The choice of how something is compared; ``first``: what it is called while nothing is asked for."""
    return choice(*((("", first),) if first else ()), *WAYS.items(), *more)


def shown(condition: Any) -> tuple[str, str, str]:
    """(field, way, value) of a condition, which ``read`` makes a condition of the same meaning again."""
    if isinstance(condition, Mapping) and len(condition) == 1:
        ((field, asked),) = condition.items()
        if field not in ("all", "any", "not"):
            compared = asked if isinstance(asked, Mapping) else {"eq": asked}
            if len(compared) == 1:
                ((op, value),) = compared.items()
                if op == "exists" and isinstance(value, bool):
                    return field, KNOWN if value else UNKNOWN, ""
                if op in _PLAIN:
                    return field, op, _shown(value)
    return "", WRITTEN, orjson.dumps(condition).decode()


def read(field: str, way: str, value: str) -> Any:
    """The condition. Raises ValueError with a sentence; whether it means anything is the schema's business."""
    if way not in WAYS:
        raise ValueError("Say how it is compared.")
    if way == WRITTEN:
        try:
            written = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"This cannot be read as JSON: {error}.") from None
        if is_too_deep(written):
            raise ValueError(f"Conditions are inside one another more than {DEEPEST} deep: make segments of them.")
        return written
    if not field:
        raise ValueError("Name what is asked for, such as person.orders_count.")
    if way in (KNOWN, UNKNOWN):
        return {field: {"exists": way == KNOWN}}
    if not value:
        raise ValueError(f"Say with what {field} is compared.")
    if OPERATORS[way].operand not in _LISTS:
        return {field: {way: _read(value)}}
    return {field: {way: [_read(one) for one in _split(value)]}}


def _split(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError("Close the quotation marks.")
        found.append(part[1].strip())
        at = part.end()
    return [one for one in found if one]


def _read(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text):
        return orjson.loads(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, str) and (_read(value) != value or "," in value or '"' in value or value != value.strip()):
        return orjson.dumps(value).decode()
    return value if isinstance(value, str) else orjson.dumps(value).decode()
