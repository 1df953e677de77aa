"""What is written behind an operator in a flow file: what is wrong with it, and what editors are told of its shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flows.core import amounts, durations


class CannotCompare(Exception):
    """The fact and the value of the condition cannot be compared; the text says why."""


def number(value: Any) -> Decimal:
    """A number or a text that is one (the store sends money as text)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise CannotCompare("it is no number")
    try:
        answer = Decimal(str(value))
    except InvalidOperation:
        raise CannotCompare("it is no number") from None
    if not answer.is_finite():
        raise CannotCompare("it is no number")
    return answer


def moment(value: Any, now: datetime) -> datetime:
    """An ISO 8601 date or moment (without a zone: UTC), ``now``, or ``30d ago``."""
    if not isinstance(value, str):
        raise CannotCompare("it is no date")
    if value == "now":
        return now
    try:
        if value.endswith(" ago"):
            return now - durations.parse(value.removesuffix(" ago"))
        answer = datetime.fromisoformat(value)
    except ValueError:
        raise CannotCompare("it is no date") from None
    return answer if answer.tzinfo else answer.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Operand:
    """`wrong` says what is wrong with a value, None when it is right; `shape` is its JSON Schema, which may let more
    pass."""

    wrong: Callable[[Any], str | None]
    shape: Mapping[str, Any]


def _scalar(value: Any) -> str | None:
    return None if isinstance(value, str | int | float | bool) else "needs one value"


def _several(value: Any) -> str | None:
    plain = isinstance(value, list) and value and all(_scalar(item) is None for item in value)
    return None if plain else "needs a list of values, for example [FR, BE]"


def _is_number(value: Any) -> str | None:
    if amounts.parse(value) is not None:
        return None
    try:
        number(value)
    except CannotCompare:
        return "needs a number, or an amount such as 30 EUR"
    return None


def _is_range(value: Any) -> str | None:
    wrong = "needs two numbers, the smaller one first, for example [20, 50]"
    if not isinstance(value, list) or len(value) != 2 or any(_is_number(part) for part in value):
        return wrong
    low, high = (amounts.parse(part) for part in value)
    if low is None and high is None:
        return None if number(value[0]) <= number(value[1]) else wrong
    if low is None or high is None or low.currency != high.currency:
        return "needs both amounts in one currency, for example [20 EUR, 50 EUR]"
    return None if low.value <= high.value else wrong


def _is_date(value: Any) -> str | None:
    try:
        moment(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CannotCompare:
        return "needs a date such as 2026-11-01, or 30d ago, or now"
    return None


def _is_span(value: Any) -> str | None:
    try:
        durations.parse(value if isinstance(value, str) else repr(value))
    except ValueError:
        return "needs a length of time such as 30d"
    return None


def _is_day(value: Any) -> str | None:
    wrong = "needs a month and a day such as 12-24"
    try:
        # A leap year, so that 29 February is a day.
        date.fromisoformat(f"2000-{value}")
    except ValueError:
        return wrong
    return None if isinstance(value, str) and len(value) == len("12-24") else wrong


def _is_months(value: Any) -> str | None:
    right = isinstance(value, list) and value and all(type(month) is int and 1 <= month <= 12 for month in value)
    return None if right else "needs a list of months from 1 to 12, for example [11, 12]"


def _is_word(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "needs a text"


def _is_flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "needs true or false"


def _is_about_entries(value: Any) -> str | None:
    return None if isinstance(value, dict) and value else "needs a condition, for example {product_id: 632910392}"


_VALUE = {"type": ["string", "number", "boolean"]}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^-?[0-9.]+ ?([A-Z]{3})?$"}]}

ONE = Operand(_scalar, _VALUE)
SEVERAL = Operand(_several, {"type": "array", "items": _VALUE, "minItems": 1})
NUMBER = Operand(_is_number, _NUMBER)
RANGE = Operand(_is_range, {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2})
DATE = Operand(_is_date, {"type": "string", "pattern": "^(now|[1-9][0-9]*[mhdw] ago|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$"})
SPAN = Operand(_is_span, {"type": "string", "pattern": durations.PATTERN})
DAY = Operand(_is_day, {"type": "string", "pattern": "^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"})
MONTHS = Operand(
    _is_months, {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 12}, "minItems": 1}
)
WORD = Operand(_is_word, {"type": "string", "minLength": 1})
FLAG = Operand(_is_flag, {"type": "boolean"})
ENTRIES = Operand(_is_about_entries, {"$ref": "#/$defs/condition"})
