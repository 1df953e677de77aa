"""A table of loyalty data, one member a line: read as it comes, whatever its length. What is wrong with a line is said
of that line, and the others are taken.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import IO, Any

from connector.errors import InvalidInput
from sync.loyalty.standing import FIELDS
from sync.loyalty.values import points, text
from sync.people import normal_email

WHO = ("customer_id", "external_id", "email", "phone")
COLUMNS = (*WHO, *FIELDS, "at")
LONGEST_LINE = 4_096
"""Bytes."""
_LONGEST_ID = 100
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}\Z")


@dataclass(frozen=True, slots=True)
class Member:
    """``named``: as ``sync.outside.whose`` takes it. ``values``: what is said, and nothing of empty cells. ``at``: when
    it was so, if the line says."""

    line: int
    named: Mapping[str, Any]
    values: Mapping[str, Any]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is not taken, and why: a sentence."""

    line: int
    why: str


def read(file: IO[bytes]) -> Iterator[Member | Unread]:
    """The lines below the first, which names the columns. A cell holds no line break. Raises InvalidInput when the
    first line is none that can be understood."""
    columns = _columns(_cells(file.readline(LONGEST_LINE + 1).removeprefix(b"\xef\xbb\xbf")))
    number = 1
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST_LINE)
            yield Unread(number, f"It is longer than {LONGEST_LINE} bytes.")
        elif raw.strip():
            yield _member(number, columns, raw)


def _cells(raw: bytes) -> list[str]:
    """Raises ValueError, csv.Error."""
    if b"\x00" in raw:
        raise ValueError("It holds a NUL.")
    return next(csv.reader([raw.decode("utf-8")], strict=True), [])


def _columns(named: list[str]) -> list[str]:
    columns = [one.strip().lower() for one in named]
    if unknown := [one for one in columns if one not in COLUMNS]:
        raise InvalidInput(f"The first line names the columns: there is no {unknown[0]!r}, only {', '.join(COLUMNS)}.")
    if not set(columns) & set(WHO) or not set(columns) & set(FIELDS):
        raise InvalidInput(f"A column of {', '.join(WHO)} is needed, and one of {', '.join(FIELDS)}.")
    if len(set(columns)) < len(columns):
        raise InvalidInput("A column is named twice.")
    return columns


def _member(number: int, columns: list[str], raw: bytes) -> Member | Unread:
    try:
        cells = _cells(raw)
        if len(cells) != len(columns):
            raise ValueError(f"It has {len(cells)} cells, and the first line has {len(columns)}.")
        told = {name: value.strip() for name, value in zip(columns, cells, strict=True) if value.strip()}
        named = {name: _WHO[name](told[name]) if name in told else None for name in WHO}
        if not any(named.values()):
            raise ValueError(f"It names nobody: one of {', '.join(WHO)} is needed.")
        values: dict[str, Any] = {name: _VALUES[name](told[name]) for name in FIELDS if name in told}
        if not values:
            raise ValueError(f"It says nothing: one of {', '.join(FIELDS)} is needed.")
        return Member(number, named, values, _moment(told["at"]) if "at" in told else None)
    except UnicodeDecodeError:
        return Unread(number, "It is not UTF-8.")
    except csv.Error as error:
        return Unread(number, f"It is no line of CSV: {error}.")
    except ValueError as error:
        return Unread(number, str(error))


def _number(raw: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", raw):
        raise ValueError(f"customer_id {raw!r} is not the number that the store has for a customer.")
    return int(raw)


def _id(raw: str) -> str:
    if len(raw) > _LONGEST_ID:
        raise ValueError(f"external_id is longer than {_LONGEST_ID} characters.")
    return raw


def _email(raw: str) -> str:
    address = normal_email(raw)
    if address is None:
        raise ValueError(f"{raw!r} is no address.")
    return address


def _phone(raw: str) -> str:
    if not _PHONE.match(raw):
        raise ValueError(f"phone {raw!r} is not written as +, country code and digits.")
    return raw


def _points(raw: str) -> int:
    number = points(raw)
    if number is None:
        raise ValueError(f"points {raw!r} is no number of points.")
    return number


def _text(raw: str) -> str:
    name = text(raw)
    if name is None:
        raise ValueError("A tier or a reward is longer than 100 characters.")
    return name


def _moment(raw: str) -> datetime:
    """A day is its beginning in UTC."""
    try:
        at = datetime.combine(date.fromisoformat(raw), time()) if len(raw) == 10 else datetime.fromisoformat(raw)
    except ValueError as error:
        raise ValueError(f"{raw!r} is no moment: write 2027-01-31 or 2027-01-31T10:00:00Z.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_WHO = {"customer_id": _number, "external_id": _id, "email": _email, "phone": _phone}
_VALUES = {"points": _points, "tier": _text, "reward": _text, "expires_at": _moment}
