"""Unsubscribe links: whom and which channel, signed, without an address, valid for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector import signed_links

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
    return signed_links.token(keys, _SALT, [shop_id, person_id, channel, outbox_id])


def read(keys: Sequence[str], token: str) -> Unsubscribe | None:
    """What a token says; None when none of the keys signed it exactly as it stands."""
    match signed_links.read(keys, _SALT, token):
        case [int(shop_id), int(person_id), str(channel), int() | None as outbox_id]:
            return Unsubscribe(shop_id, person_id, channel, outbox_id)
    return None
