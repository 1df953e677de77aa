"""Shop domains."""

from __future__ import annotations

from shopify.utils.shop_url import sanitize_shop_domain

from connector.errors import InvalidInput


def shop_domain(text: str) -> str:
    """The ``name.myshopify.com`` that ``text`` (a domain, an address or a bare name) stands for.

    Raises InvalidInput. Shopify's own check is used: it refuses ports, look-alikes and foreign domains.
    """
    domain = sanitize_shop_domain(text.strip().lower())
    if not domain:
        raise InvalidInput(f"{text!r} is not a shop: write it as name.myshopify.com")
    return str(domain)
