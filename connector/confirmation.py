"""The address behind a double opt-in: whom and which line of the consent ledger, signed, without an address.

It stands in no mail of ours: Brevo's confirmation link leads to it, so whoever comes here has followed that link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector import signed_links

_SALT = "connector.confirmation"


@dataclass(frozen=True)
class Confirmation:
    """What the address says. ``ledger_id``: the opt-in that is confirmed."""

    shop_id: int
    person_id: int
    ledger_id: int


def token(keys: Sequence[str], shop_id: int, person_id: int, ledger_id: int) -> str:
    """The last part of ``PUBLIC_URL/confirmed/<token>``. ``keys``: the newest first (Settings.secret_keys)."""
    return signed_links.token(keys, _SALT, [shop_id, person_id, ledger_id])


def read(keys: Sequence[str], token: str) -> Confirmation | None:
    """What a token says; None when none of the keys signed it exactly as it stands."""
    match signed_links.read(keys, _SALT, token):
        case [int(shop_id), int(person_id), int(ledger_id)]:
            return Confirmation(shop_id, person_id, ledger_id)
    return None
