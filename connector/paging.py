"""Pages of lists by key: what comes after the last row that was shown, so that no page costs more than the first and
nothing is counted."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson

from connector.errors import InvalidInput

SIZE = 50
"""Rows of a page."""
LONGEST = 400
"""Characters of a cursor in an address."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """``next``: the cursor of the rows after these, for the address; None when there are none."""

    rows: Sequence[Row]
    next: str | None = None


def page(rows: Sequence[Row], key: Callable[[Row], Sequence[Any]], size: int = SIZE) -> Page[Row]:
    """The page of these rows, of which one more than ``size`` was asked for. ``key``: what they are ordered by, which
    tells any two of them apart: texts, whole numbers and moments."""
    if len(rows) <= size:
        return Page(rows)
    last = [_written(value) for value in key(rows[size - 1])]
    return Page(rows[:size], urlsafe_b64encode(orjson.dumps(last)).decode().rstrip("="))


def after(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The key behind a cursor, whose values are of these kinds (str, int, datetime); None for the first page.

    Raises InvalidInput for a cursor that is not one of ours.
    """
    if not cursor:
        return None
    try:
        values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(cursor) > LONGEST:
            raise ValueError("no cursor")
        return tuple(_read(value, kind) for value, kind in zip(values, kinds, strict=True))
    except ValueError:
        raise InvalidInput("This page of the list cannot be found: begin again with its first page.") from None


def _written(value: Any) -> str | int:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(value: Any, kind: type) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(_of(value, str))
        if moment.tzinfo is None:
            raise ValueError("no moment")
        return moment
    if kind is int and not -(2**63) <= int(_of(value, int)) < 2**63:
        raise ValueError("no number of ours")
    return _of(value, kind)


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind or (isinstance(value, str) and "\x00" in value):
        raise ValueError(f"no {kind.__name__}")
    return value
