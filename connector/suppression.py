"""What stands for an address on the suppression list, so that it can outlive the address."""

from __future__ import annotations

import hmac
from hashlib import sha256

SUNSET = "sunset"
"""The reason of those whom a flow has given up on: about marketing only, and until they agree anew."""


def address_digest(salt: bytes, address: str) -> str:
    """HMAC-SHA256 of the address with the shop's salt, hexadecimal. ``address``: an email, or a number as +4915..."""
    return hmac.new(salt, address.strip().lower().encode(), sha256).hexdigest()
