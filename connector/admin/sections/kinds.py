"""How the values of settings are written into a form and read out of it again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Kind:
    """``read``: text to a plain JSON value, ValueError with a sentence when it is none; ``show``: the other way.

    ``control``: input, area, flag, choice, several or rows; ``type``: of an input; ``choices``: (value, what it is
    called); ``columns``: of rows.
    """

    read: Callable[[str], Any]
    show: Callable[[Any], str]
    control: str = "input"
    type: str = "text"
    choices: Sequence[tuple[str, str]] = ()
    numeric: bool = False
    columns: Sequence[Column] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table of lines. ``suggests``: what is offered to be entered (``suggestions.OFFERED``)."""

    name: str
    label: str
    kind: Kind
    suggests: str = ""


def _plain(value: Any) -> str:
    if isinstance(value, float | Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return "" if value is None else str(value)


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise ValueError("Write a whole number, such as 3.")
    return int(text)


def _decimal(text: str) -> float:
    return float(_amount(text))


def _amount(text: str) -> str:
    written = text.strip().replace(",", ".")
    if not re.fullmatch(r"-?\d{1,12}(\.\d{1,8})?", written):
        raise ValueError("Write a number, such as 0.5.")
    return written


def _parts(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text) if one]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _named_numbers(text: str, example: str) -> dict[str, str]:
    """Lines of a name and a number."""
    found: dict[str, str] = {}
    for line in _lines(text):
        name, _, number = line.rpartition(" ")
        if not name.strip() or not re.fullmatch(r"\d{1,12}([.,]\d{1,8})?", number):
            raise ValueError(f"Write one to a line, such as {example}: “{line[:60]}” is not.")
        found[name.strip()] = number.replace(",", ".")
    return found


def _tiers(text: str) -> list[dict[str, Any]]:
    points = _named_numbers(text, "Gold 500")
    return [{"name": name, "points": _number(number)} for name, number in points.items()]


TEXT = Kind(str.strip, _plain)
EMAIL = Kind(str.strip, _plain, type="email")
ADDRESS = Kind(str.strip, _plain, type="url")
COLOUR = Kind(lambda text: text.strip().lower(), _plain)
# No field of the type time: where the keyboard is in it cannot be seen in every browser.
TIME = Kind(str.strip, _plain)
AREA = Kind(str.strip, _plain, control="area")
NUMBER = Kind(_number, _plain, numeric=True)
DECIMAL = Kind(_decimal, _plain, numeric=True)
NUMBERS = Kind(lambda text: [_number(one) for one in _parts(text)], lambda value: ", ".join(map(_plain, value or ())))
AMOUNTS = Kind(
    lambda text: [_amount(one) for one in re.split(r"[\s;]+|,\s", text) if one],
    lambda value: "; ".join(map(_plain, value or ())),
)
COUNTRIES = Kind(lambda text: [one.upper() for one in _parts(text)], lambda value: ", ".join(value or ()))
LINES = Kind(_lines, lambda value: "\n".join(value or ()), control="area")
PRICES = Kind(
    lambda text: _named_numbers(text, "FR 0.045"),
    lambda value: "\n".join(f"{where} {_plain(price)}" for where, price in (value or {}).items()),
    control="area",
)
TIERS = Kind(_tiers, lambda value: "\n".join(f"{one['name']} {one['points']}" for one in value or ()), control="area")
FLAG = Kind(lambda text: text == "yes", lambda value: "yes" if value else "", control="flag")


def choice(*choices: tuple[str, str]) -> Kind:
    """One of these."""

    def read(text: str) -> str:
        if text not in {value for value, _ in choices}:
            raise ValueError("Choose one of the list.")
        return text

    return Kind(read, _plain, control="choice", choices=choices)


def several(*choices: tuple[str, str]) -> Kind:
    """Any of these; the form sends each that is ticked."""

    def read(text: str) -> list[str]:
        chosen = _parts(text)
        if set(chosen) - {value for value, _ in choices}:
            raise ValueError("Choose from the list.")
        return chosen

    return Kind(read, lambda value: " ".join(value or ()), control="several", choices=choices)


def lookup(document: Mapping[str, Any], path: str) -> Any:
    """What is at ``a.b.c``; None when it is not there."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
