"""Short links on our own domain: ``PUBLIC_URL/c/SHOP-CODE``. Where one leads is kept here, never in the address.

A code is an HMAC of the message and the target with the shop's salt: whoever writes the message again gets the same
one, and nobody can guess another's.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from urllib.parse import urlsplit

PATH = "/c/"
LONGEST_TARGET = 4_000
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 62^10: with a million links of a shop, one guess in 840,000,000,000 finds one.
_LENGTH = 10
_ADDRESS = re.compile(rf"([1-9][0-9]{{0,17}})-([0-9A-Za-z]{{{_LENGTH}}})", re.ASCII)
# Browsers drop some of these, and read a backslash as a slash.
_NEVER = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029<>\"\\^`{|}]")


def code(salt: bytes, key: str, target: str) -> str:
    """What the link to ``target`` in the message with this outbox key is called within its shop."""
    number = int.from_bytes(hmac.new(salt, f"{key}\n{target}".encode(), sha256).digest())
    found = ""
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        found += _ALPHABET[place]
    return found


def address(public_url: str, shop_id: int, link_id: str) -> str:
    """The short link as it stands in the message."""
    return f"{public_url}{PATH}{shop_id}-{link_id}"


def read(text: str) -> tuple[int, str] | None:
    """(shop, code) of the last part of a short link; None when it is none."""
    found = _ADDRESS.fullmatch(text)
    return (int(found[1]), found[2]) if found else None


def host_of(target: str) -> str | None:
    """The host that this web address leads to, in small letters; None for what is no plain web address.

    >>> host_of("https://Shop.example/cart?a=1"), host_of("//evil.example"), host_of("javascript:alert(1)")
    ('shop.example', None, None)
    """
    if len(target) > LONGEST_TARGET or _NEVER.search(target) or not target.isprintable():
        return None
    try:
        parts = urlsplit(target)
        host = parts.hostname
        # Raises for a port that is no number.
        _ = parts.port
    except ValueError:
        return None
    # "https:host" and "https:///host" are no address, and yet a browser would go there.
    begins_well = re.match(r"https?://[^/\\]", target, re.IGNORECASE)
    # Who is named before an @ is not where it leads.
    return host.lower() if host and begins_well and "@" not in parts.netloc else None
