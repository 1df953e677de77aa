"""Discount codes: what they look like, and which one a key leads to."""

from __future__ import annotations

import hmac
from hashlib import sha256

ALPHABET = "ACDEFGHJKLMNPQRTUVWXY34679"
"""Without what is taken for something else when it is read or typed: B 8, I 1, O 0, S 5, Z 2."""
LENGTH = 10
"""Signs of a code behind its prefix: 47 bits. Guessing one of a million codes takes 140 million tries."""


def code(salt: bytes, key: str, variant: int = 0, prefix: str = "") -> str:
    """The code that this key leads to. Whoever does not know the shop's salt cannot tell it from any other.

    ``variant``: counts on when the one before is somebody else's.
    """
    number = int.from_bytes(hmac.digest(salt, f"coupon:{key}:{variant}".encode(), sha256))
    signs = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[place])
    return f"{prefix}-{''.join(signs)}" if prefix else "".join(signs)


def normal(told: str) -> str:
    """A code as somebody typed it, the way it is stored: the store does not tell small letters from capitals."""
    return told.strip().upper()
