"""Two people who edit one thing: the second is told, and nothing is overwritten.

A form carries what its document was when it was opened, as a short text (``of``) in its hidden field ``seen``. Whoever
saves locks the document and asks ``check`` first.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from connector.errors import InvalidInput


class Outdated(InvalidInput):
    """The document is not what it was when the form was opened. The page shows both (409)."""


def of(document: Any) -> str:
    """What stands for this document: plain JSON values."""
    return sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:24]


def check(document: Any, seen: str | None) -> None:
    """Raises Outdated unless the form was opened on this very document."""
    if seen != of(document):
        raise Outdated(
            "Somebody has changed this since you opened it, so nothing was saved. Load the page anew to see what it is"
            " now, and enter your change again."
        )
