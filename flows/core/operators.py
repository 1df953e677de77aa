"""Operators of conditions: one line each in OPERATORS.

A test answers true or false, or raises CannotCompare when the fact is of another kind than the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flows.core import durations
from flows.core.operands import (
    DATE,
    DAY,
    ENTRIES,
    FLAG,
    MONTHS,
    NUMBER,
    ONE,
    RANGE,
    SEVERAL,
    SPAN,
    WORD,
    CannotCompare,
    Operand,
    moment,
    number,
)


def _day_of_year(value: Any, now: datetime) -> tuple[int, int]:
    """Month and day of a date, or of a moment as it is where `now` is told."""
    told = moment(value, now)
    # A day without a time is that day everywhere.
    here = told if isinstance(value, str) and len(value) == len("2026-12-24") else told.astimezone(now.tzinfo)
    return here.month, here.day


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


def _contains_any(fact: Any, wanted: Any, now: datetime) -> bool:
    return any([_contains(fact, value, now) for value in wanted])


def _contains_all(fact: Any, wanted: Any, now: datetime) -> bool:
    return all([_contains(fact, value, now) for value in wanted])


def _text(fact: Any) -> str:
    if not isinstance(fact, str):
        raise CannotCompare("it is no text")
    return fact.casefold()


def _is_there(fact: Any, wanted: Any, now: datetime) -> bool:
    return (fact not in (None, "", [])) is wanted


def _between(fact: Any, wanted: Any, now: datetime) -> bool:
    low, high = wanted
    return number(low) <= number(fact) <= number(high)


def _within_last(fact: Any, wanted: Any, now: datetime) -> bool:
    return now - durations.parse(wanted) <= moment(fact, now) <= now


def _within_next(fact: Any, wanted: Any, now: datetime) -> bool:
    return now <= moment(fact, now) <= now + durations.parse(wanted)


def _on_day(fact: Any, wanted: Any, now: datetime) -> bool:
    month, day = wanted.split("-")
    return _day_of_year(fact, now) == (int(month), int(day))


def _in_month(fact: Any, wanted: Any, now: datetime) -> bool:
    month, _ = _day_of_year(fact, now)
    return month in wanted


def _entries(fact: Any, wanted: Any, now: datetime) -> bool:
    raise CannotCompare("its entries are asked one by one")


@dataclass(frozen=True, slots=True)
class Operator:
    """`operand`: what is written behind it. `field` and `example` are one use of it.

    `takes_empty`: may be asked of a fact that is known to be empty; `takes_absent`: also of one that its
    family does not have. The others cannot tell then. `by_day`: it looks at days of the calendar, those where the
    person lives: the zone of `now` in the test. `entries`: its value is a condition, asked of each entry of a list;
    `some` needs one for which it holds, `every` needs it to hold for all of them, and that there is one.
    """

    about: str
    field: str
    example: Any
    test: Callable[[Any, Any, datetime], bool]
    operand: Operand
    takes_empty: bool = False
    takes_absent: bool = False
    by_day: bool = False
    entries: Literal["some", "every"] | None = None


OPERATORS: Mapping[str, Operator] = {
    "eq": Operator(
        "is exactly this; `{field: value}` is short for it", "person.consent.email", "subscribed", _equal, ONE, True
    ),
    "ne": Operator("is anything else", "person.country", "FR", lambda f, w, n: not _equal(f, w, n), ONE, True),
    "gt": Operator("is more than", "person.orders_count", 3, lambda f, w, n: number(f) > number(w), NUMBER),
    "gte": Operator("is this or more", "event.total", 100, lambda f, w, n: number(f) >= number(w), NUMBER),
    "lt": Operator("is less than", "person.orders_count", 3, lambda f, w, n: number(f) < number(w), NUMBER),
    "lte": Operator("is this or less", "event.total", "30 EUR", lambda f, w, n: number(f) <= number(w), NUMBER),
    "between": Operator("is one of the two or lies between them", "event.total", [20, 50], _between, RANGE),
    "in": Operator("is one of these", "person.country", ["FR", "BE"], _one_of, SEVERAL, True),
    "not_in": Operator(
        "is none of these", "person.country", ["FR"], lambda f, w, n: not _one_of(f, w, n), SEVERAL, True
    ),
    "contains": Operator("has this among its entries, or in its text (any case)", "person.tags", "vip", _contains, ONE),
    "contains_any": Operator("has one of these, or several", "person.tags", ["vip", "press"], _contains_any, SEVERAL),
    "contains_all": Operator("has all of these", "person.tags", ["vip", "press"], _contains_all, SEVERAL),
    "starts_with": Operator(
        "is a text that begins so (any case)",
        "person.locale",
        "fr-",
        lambda f, w, n: _text(f).startswith(w.casefold()),
        WORD,
    ),
    "ends_with": Operator(
        "is a text that ends so (any case)",
        "person.email",
        "@example.com",
        lambda f, w, n: _text(f).endswith(w.casefold()),
        WORD,
    ),
    "exists": Operator("is there and not empty (`false`: is not)", "person.phone", True, _is_there, FLAG, True, True),
    "before": Operator(
        "is earlier than", "person.last_order_at", "30d ago", lambda f, w, n: moment(f, n) < moment(w, n), DATE
    ),
    "after": Operator(
        "is later than", "person.first_order_at", "2026-11-01", lambda f, w, n: moment(f, n) > moment(w, n), DATE
    ),
    "within_last": Operator(
        "is a moment of the time up to now that is so long", "person.last_order_at", "30d", _within_last, SPAN
    ),
    "within_next": Operator(
        "is a moment of the time from now on that is so long", "person.loyalty.expires_at", "7d", _within_next, SPAN
    ),
    "on_day": Operator(
        "is on this day of any year, where the person lives",
        "person.first_order_at",
        "12-24",
        _on_day,
        DAY,
        by_day=True,
    ),
    "in_month": Operator(
        "is in one of these months of any year, where the person lives",
        "person.first_order_at",
        [11, 12],
        _in_month,
        MONTHS,
        by_day=True,
    ),
    "some": Operator(
        "is a list with an entry for which this holds",
        "event.items",
        {"product_id": 632910392},
        _entries,
        ENTRIES,
        entries="some",
    ),
    "every": Operator(
        "is a list, not an empty one, for whose every entry this holds",
        "event.items",
        {"price": {"lt": 20}},
        _entries,
        ENTRIES,
        entries="every",
    ),
}
