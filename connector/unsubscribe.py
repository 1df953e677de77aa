"""Unsubscribe links: whom and which channel, signed, without an address, valid for ever.

A mail can be opened years later and the law wants its link to work, so there is no expiry; keys rotate by
adding a new one in front and keeping the old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from connector.errors import ConfigurationError

_SALT = "connector.unsubscribe"


@dataclass(frozen=True)
class Unsubscribe:
    """What a link says. ``outbox_id``: the message that it stood in, when known."""

    shop_id: int
    person_id: int
    channel: str
    outbox_id: int | None


def token(keys: Sequence[str], shop_id: int, person_id: int, channel: str, outbox_id: int | None = None) -> str:
    """The last part of ``PUBLIC_URL/u/<token>``. ``keys``: the newest first (Settings.secret_keys)."""
    return str(_serializer(keys).dumps([shop_id, person_id, channel, outbox_id]))


def read(keys: Sequence[str], token: str) -> Unsubscribe | None:
    """What a token says; None when none of the keys signed it exactly as it stands."""
    try:
        content = _serializer(keys).loads(token)
    except BadData:
        return None
    if not _is_canonical(token):
        return None
    match content:
        case [int(shop_id), int(person_id), str(channel), int() | None as outbox_id]:
            return Unsubscribe(shop_id, person_id, channel, outbox_id)
    return None


def _is_canonical(token: str) -> bool:
    """base64's last character has bits that mean nothing: changed ones must not pass for the same token."""
    signature = token.rpartition(".")[2]
    return base64_encode(base64_decode(signature)).decode("ascii") == signature


def _serializer(keys: Sequence[str]) -> URLSafeSerializer:
    if not keys:
        raise ConfigurationError("CONNECTOR_SECRET_KEYS: is required to sign unsubscribe links")
    # itsdangerous signs with the last key and accepts any.
    return URLSafeSerializer(
        list(reversed(keys)),
        salt=_SALT,
        signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"},
    )
