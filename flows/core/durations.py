"""Spans of time as a flow file writes them: ``90m``, ``3h``, ``2d``, ``1w``."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_FORM = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
PATTERN = "^[1-9][0-9]{0,5}[mhdw]$"
"""The form for JSON Schema."""
LONGEST = timedelta(days=400)
"""A wait longer than this is a mistake in the file, not a plan."""


def parse(text: str) -> timedelta:
    """The span that `text` names. A day is 24 hours. Raises ValueError with a sentence for the author."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text}” is no length of time; write for example 90m, 3h, 2d or 1w")
    span = int(match[1]) * _UNITS[match[2]]
    if span > LONGEST:
        raise ValueError(f"“{text}” is longer than {LONGEST.days} days")
    return span


def say(span: timedelta) -> str:
    """The shortest form that `parse` reads back to the same span (whole minutes)."""
    for unit, size in _UNITS.items():
        if span >= size and not span % size:
            return f"{span // size}{unit}"
    raise ValueError(f"{span} is not a whole number of minutes")
