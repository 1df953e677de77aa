"""What a platform gives for a code, a session or a refresh token: the answer of a token endpoint (RFC 6749, 5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

_SEPARATORS = re.compile(r"[ ,]+")


@dataclass(frozen=True)
class Grant:
    """``expires`` and ``refresh_expires``: wire time, unix seconds, reckoned from before the call; None: never, or
    there is no refresh token.
    """

    token: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    expires: float | None = None
    refresh: str | None = field(default=None, repr=False)
    refresh_expires: float | None = None


def read(said: Mapping[str, Any], began: float) -> Grant | None:
    """The grant that an answer holds; None when it holds no token. ``began``: wire time before the call.

    Scopes are separated by blanks (RFC 6749) or commas (Shopify). The life of a refresh token has no standard name:
    ``refresh_token_expires_in`` (Shopify) and ``refresh_expires_in`` (Keycloak, on which Brevo's server runs) are read.
    """
    token, refresh = said.get("access_token"), said.get("refresh_token")
    if not isinstance(token, str) or not token:
        return None
    scopes = tuple(part for part in _SEPARATORS.split(str(said.get("scope") or "")) if part)
    ends = _seconds(said.get("expires_in"))
    refresh_ends = _seconds(said.get("refresh_token_expires_in")) or _seconds(said.get("refresh_expires_in"))
    if not isinstance(refresh, str) or not refresh:
        refresh, refresh_ends = None, None
    return Grant(
        token,
        scopes,
        None if ends is None else began + ends,
        refresh,
        None if refresh_ends is None else began + refresh_ends,
    )


def object_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body, empty when it is none."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
