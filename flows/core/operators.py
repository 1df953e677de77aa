"""Operators of conditions: one line each in OPERATORS.

A test answers true or false, or raises CannotCompare when the fact is of another kind than the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flows.core import durations


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


def _equal(fact: Any, wanted: Any, now: datetime) -> bool:
    if fact is None or wanted is None:
        return fact is wanted
    if isinstance(fact, bool) or isinstance(wanted, bool):
        if isinstance(fact, bool) and isinstance(wanted, bool):
            return fact is wanted
        raise CannotCompare("only one of the two is true or false")
    if isinstance(wanted, int | float):
        return number(fact) == number(wanted)
    if isinstance(fact, str) and isinstance(wanted, str):
        return fact == wanted
    raise CannotCompare("it is no text")


def _one_of(fact: Any, wanted: Any, now: datetime) -> bool:
    return any(_equal(fact, value, now) for value in wanted)


def _contains(fact: Any, wanted: Any, now: datetime) -> bool:
    if isinstance(fact, str):
        return str(wanted).casefold() in fact.casefold()
    if isinstance(fact, list | tuple):
        return wanted in fact
    raise CannotCompare("it is neither a list nor a text")


def _is_there(fact: Any, wanted: Any, now: datetime) -> bool:
    return (fact not in (None, "", [])) is wanted


def _scalar(value: Any) -> str | None:
    return None if isinstance(value, str | int | float | bool) else "needs one value"


def _several(value: Any) -> str | None:
    plain = isinstance(value, list) and value and all(_scalar(item) is None for item in value)
    return None if plain else "needs a list of values, for example [FR, BE]"


def _is_number(value: Any) -> str | None:
    try:
        number(value)
    except CannotCompare:
        return "needs a number"
    return None


def _is_date(value: Any) -> str | None:
    try:
        moment(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CannotCompare:
        return "needs a date such as 2026-11-01, or 30d ago, or now"
    return None


def _is_flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "needs true or false"


@dataclass(frozen=True, slots=True)
class Operator:
    """`check` says what is wrong with the value written in a flow file, None when it is right.

    `takes_empty`: may be asked of a fact that is known to be empty; `takes_absent`: also of one that its
    family does not have. The others cannot tell then.
    """

    about: str
    example: Any
    test: Callable[[Any, Any, datetime], bool]
    check: Callable[[Any], str | None]
    takes_empty: bool = False
    takes_absent: bool = False


OPERATORS: Mapping[str, Operator] = {
    "eq": Operator("is exactly this; `{field: value}` is short for it", "subscribed", _equal, _scalar, True),
    "ne": Operator("is anything else", "FR", lambda f, w, n: not _equal(f, w, n), _scalar, True),
    "gt": Operator("is more than", 100, lambda f, w, n: number(f) > number(w), _is_number),
    "gte": Operator("is this or more", 100, lambda f, w, n: number(f) >= number(w), _is_number),
    "lt": Operator("is less than", 100, lambda f, w, n: number(f) < number(w), _is_number),
    "lte": Operator("is this or less", 100, lambda f, w, n: number(f) <= number(w), _is_number),
    "in": Operator("is one of these", ["FR", "BE"], _one_of, _several, True),
    "not_in": Operator("is none of these", ["FR"], lambda f, w, n: not _one_of(f, w, n), _several, True),
    "contains": Operator("has this among its entries, or in its text (any case)", "vip", _contains, _scalar),
    "exists": Operator("is there and not empty (`false`: is not)", True, _is_there, _is_flag, True, True),
    "before": Operator("is earlier than", "30d ago", lambda f, w, n: moment(f, n) < moment(w, n), _is_date),
    "after": Operator("is later than", "2026-11-01", lambda f, w, n: moment(f, n) > moment(w, n), _is_date),
}
