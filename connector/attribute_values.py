"""Values as Brevo's contact attributes take them: their types, and the few transforms that a mapping may ask for.

Brevo drops what is not of the attribute's type without a word (its contact reference). Here a value is of the type, or
``Dropped`` with the reason. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

TYPES: Mapping[str, str] = {
    "text": "text; a list is joined by commas",
    "date": "a day, 2026-11-22",
    "float": "a number, whole or not",
    "boolean": "yes or no",
    "category": "one of the options, which Brevo knows by a number: `options: {Gold: 1, Silver: 2}`",
    "multiple-choice": "any of the options: `options: [Red, Blue]`",
}
"""Brevo's types of a contact's attributes, and what they hold. ``id`` is not among them: Brevo has it for transactional
attributes only, and ``user`` names people who work with the account."""

TRANSFORMS: Mapping[str, str] = {
    "upper": "in capital letters",
    "lower": "in small letters",
    "join": "a list as one text; `{join: ' | '}` says by what",
    "round": "a number without decimals; `{round: 1}` says how many",
    "date": "the day of a moment",
    "days_since": "how many days ago a day was, by the shop's calendar; counted anew every night",
}
"""What may be done to a value before it is made to be of the type."""

WITH_ARGUMENT: Mapping[str, type] = {"join": str, "round": int}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A value that is not sent, and why, as the end of a sentence."""

    reason: str


class _Unfit(Exception):
    """This value cannot become that."""


Step = tuple[str, Any]
"""A transform and its argument, None without."""


def converted(
    value: Any,
    kind: str,
    *,
    steps: tuple[Step, ...] = (),
    options: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> Any:
    """``value`` after these transforms as ``kind``, one of TYPES; or Dropped.

    ``options``: {label: what Brevo knows it by} of a category or of multiple choice. ``today``: the day that
    ``days_since`` counts to.
    """
    try:
        for name, argument in steps:
            value = _STEPS[name](value, argument, today)
        return _CONVERT[kind](value, options or {})
    except _Unfit as unfit:
        return Dropped(str(unfit))


def _text(value: Any, options: Mapping[str, Any]) -> str:
    if isinstance(value, list | tuple):
        return _joined(value, ", ")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    return value.isoformat() if isinstance(value, date) else str(value)


def _joined(value: Any, by: str) -> str:
    items = value if isinstance(value, list | tuple) else [value]
    return by.join(_text(item, {}) for item in items)


def _day(value: Any, options: Mapping[str, Any]) -> str:
    return _date(value).isoformat()


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    # Only what begins like a day: fromisoformat also takes 20261122, which is somebody's number.
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        try:
            return datetime.fromisoformat(value).date()
        except ValueError:
            pass
    raise _Unfit(f"{_shown(value)} is no date")


def _float(value: Any, options: Mapping[str, Any]) -> float:
    if not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise _Unfit(f"{_shown(value)} is no number")


def _boolean(value: Any, options: Mapping[str, Any]) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _Unfit(f"{_shown(value)} is neither true nor false")


def _category(value: Any, options: Mapping[str, Any]) -> Any:
    label = _text(value, {})
    if label not in options:
        raise _Unfit(f"{_shown(label)} is none of its options")
    return options[label]


def _choices(value: Any, options: Mapping[str, Any]) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    known = [label for label in (_text(item, {}) for item in items) if label in options]
    if items and not known:
        raise _Unfit(f"{_shown(value)}: none of it is among its options")
    return known


_CONVERT: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "text": _text,
    "date": _day,
    "float": _float,
    "boolean": _boolean,
    "category": _category,
    "multiple-choice": _choices,
}


def _cased(change: Callable[[str], str], value: Any, argument: Any, today: date | None) -> Any:
    if isinstance(value, list | tuple):
        return [change(_text(item, {})) for item in value]
    return change(_text(value, {}))


def _round(value: Any, digits: int | None, today: date | None) -> float:
    return float(round(Decimal(repr(_float(value, {}))), digits or 0))


def _days_since(value: Any, argument: Any, today: date | None) -> int:
    if today is None:
        raise _Unfit("no day has been counted for this shop yet")
    return (today - _date(value)).days


_STEPS: Mapping[str, Callable[[Any, Any, date | None], Any]] = {
    "upper": partial(_cased, str.upper),
    "lower": partial(_cased, str.lower),
    "join": lambda value, by, today: _joined(value, by or ", "),
    "round": _round,
    "date": lambda value, argument, today: _date(value),
    "days_since": _days_since,
}


def _shown(value: Any) -> str:
    text = _text(value, {})
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
