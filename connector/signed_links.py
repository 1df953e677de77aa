"""Links that carry what they are about, signed, and are valid for ever.

A mail can be opened years later, so there is no expiry; keys rotate by adding a new one in front and keeping the old.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from connector.errors import ConfigurationError


def token(keys: Sequence[str], salt: str, content: Sequence[Any]) -> str:
    """``keys``: the newest first (Settings.secret_keys). ``salt`` tells one kind of link from another.

    Raises ConfigurationError without a key.
    """
    return str(_serializer(keys, salt).dumps(list(content)))


def read(keys: Sequence[str], salt: str, token: str) -> Any:
    """What a token says; None when none of the keys signed it exactly as it stands."""
    try:
        content = _serializer(keys, salt).loads(token)
    except BadData:
        return None
    return content if _is_canonical(token) else None


def _is_canonical(token: str) -> bool:
    """base64's last character has bits that mean nothing: changed ones must not pass for the same token."""
    signature = token.rpartition(".")[2]
    return base64_encode(base64_decode(signature)).decode("ascii") == signature


def _serializer(keys: Sequence[str], salt: str) -> URLSafeSerializer:
    if not keys:
        raise ConfigurationError("CONNECTOR_SECRET_KEYS: is required to sign links")
    # itsdangerous signs with the last key and accepts any.
    return URLSafeSerializer(
        list(reversed(keys)),
        salt=salt,
        signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"},
    )
