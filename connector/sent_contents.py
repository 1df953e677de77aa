"""What a message looked like when it was sent, as it is kept in ``message_contents`` (ADR 58)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

# More costs five times as long for a tenth of the bytes.
_LEVEL = 3


def packed(content: Mapping[str, Any]) -> bytes:
    """The bytes that are kept. ``content``: ``text``; where there are any ``subject``, ``html``, ``sender``; ``names``:
    what the person was called, to be masked in it whatever they are called later."""
    return zlib.compress(orjson.dumps(content), _LEVEL)


def opened(kept: bytes) -> dict[str, Any]:
    """The content again; {} for bytes that hold none."""
    try:
        found = orjson.loads(zlib.decompress(kept))
    except (zlib.error, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
