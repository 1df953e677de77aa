"""How large a value may be. A template can build text, lists and numbers out of nothing, one filter at a time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from liquid.stringify import to_liquid_string

from flows.content.problems import ContentProblem

MAX_TEXT = 20_000
"""Characters of a value that a filter takes or makes."""
MAX_LIST = 2_000
"""Members of a list that a filter or a loop takes."""
MAX_DIGITS = 60
"""Digits of a number that a filter takes or makes."""


def bounded(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, refusing to take or make anything large. Keeps the library's marks on the function."""

    @wraps(filter_)
    def small(value: object, *args: object, **kwargs: Any) -> object:
        refuse_large(value)
        for part in args:
            refuse_large(part)
        result = filter_(value, *args, **kwargs)
        refuse_large(result)
        return result

    return small


def refuse_large(value: object) -> None:
    if isinstance(value, str):
        large = len(value) > MAX_TEXT
    elif isinstance(value, (list, tuple, range)):
        # Not len(): a range can be longer than len() can say.
        large = bool(value[MAX_LIST:])
    elif isinstance(value, int):
        large = value.bit_length() > MAX_DIGITS * 4
    elif isinstance(value, Decimal):
        large = value.is_finite() and abs(value.adjusted()) > MAX_DIGITS
    else:
        large = False
    if large:
        raise _too_long()


def replace(value: object, old: object, new: object = "") -> str:
    text, old, new = _plain(value), _plain(old), _plain(new)
    # Counted before it is built: 20,000 letters, each replaced by 20,000, would be 400 MB.
    if len(text) + text.count(old) * len(new) > MAX_TEXT:
        raise _too_long()
    return text.replace(old, new)


def _plain(value: object) -> str:
    text = to_liquid_string(value, autoescape=False)
    refuse_large(text)
    return text


def _too_long() -> ContentProblem:
    return ContentProblem("too_large", "A value in this message is too long to work with.")
