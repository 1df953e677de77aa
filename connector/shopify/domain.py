"""Shop domains."""

from __future__ import annotations

import re

from shopify.utils.shop_url import sanitize_shop_domain

from connector.errors import InvalidInput

_ONE_CHARACTER = re.compile(r"[a-z0-9]\.myshopify\.com")


def shop_domain(text: str) -> str:
    """The ``name.myshopify.com`` that ``text`` (a domain, an address or a bare name) stands for.

    Raises InvalidInput. Shopify's own check is used: it refuses ports, look-alikes and foreign domains. It also
    wants two characters before the dot; test stores with one are let through.
    """
    wanted = text.strip().lower()
    domain = wanted if _ONE_CHARACTER.fullmatch(wanted) else sanitize_shop_domain(wanted)
    if not domain:
        raise InvalidInput(f"{text!r} is not a shop: write it as name.myshopify.com")
    return str(domain)
