"""The facts that a message may name, and an example of them.

====================  ============================================================================================
``shop``              ``name``, ``url``, ``domain``, ``address`` (postal, lines parted by newlines), ``logo_url``,
                      ``currency`` (ISO 4217), ``locale``, ``timezone`` (IANA), ``offers``: by name
                      (``welcome``, ``cart``) a ``code``, ``percent`` and ``expires_days``, the last two optional
``person``            ``first_name``, ``last_name``, ``email``, ``locale``; a name that is not known is null
``checkout``          ``items`` (see below), ``total``, ``currency``, ``recovery_url``; absent outside cart flows
``checkout.items``    ``title``, ``variant_title``, ``quantity``, ``price``, ``line_price``, ``image_url``, ``url``
``coupon``            by the name that the flow gave it ``code``, ``percent`` or ``amount``, ``minimum`` and
                      ``ends_at``; null when none could be made; absent before the step that makes it
``event``             the properties of the event that started the flow
``params``            in the body of a WhatsApp message: what its template is filled with, by name
``links``             ``unsubscribe``
``message``           ``key`` (one per message and person), and, added here, ``name`` and ``purpose``
====================  ============================================================================================

Everything is plain data: texts, numbers, lists and mappings. Amounts are decimals or their text ("19.90"),
never cents; moments are aware datetimes or their ISO text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flows.content.source import MessageSource

_COUPON = re.compile(r"\bcoupon\.([a-z][a-z0-9_]*)")


def coupons_in(*texts: str) -> tuple[str, ...]:
    """The names of the coupons that a message of these texts shows."""
    return tuple(sorted({name for text in texts for name in _COUPON.findall(text)}))


def prepared(source: MessageSource, context: Mapping[str, Any]) -> dict[str, Any]:
    """The context as templates see it.

    Blank texts about the person and the shop count as missing, the address is one line, the shop's address on
    the web falls back to its domain, and an offer without a code is none: ``{% if shop.offers.cart %}`` is
    enough to ask whether there is something to offer.
    """
    shop = _without_blanks(context.get("shop"))
    shop["offers"] = {name: offer for name, offer in (shop.get("offers") or {}).items() if (offer or {}).get("code")}
    if shop.get("address"):
        shop["address"] = ", ".join(line.strip() for line in shop["address"].splitlines() if line.strip())
    if shop.get("url") or shop.get("domain"):
        shop["url"] = (shop.get("url") or f"https://{shop['domain']}").rstrip("/")
    message = {**(context.get("message") or {}), "name": source.name, "purpose": source.purpose}
    return {**context, "shop": shop, "person": _without_blanks(context.get("person")), "message": message}


def _without_blanks(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: None if isinstance(value, str) and not value.strip() else value for name, value in (facts or {}).items()
    }


class _Coupons(dict[str, Any]):
    """An example of a coupon under any name."""

    def __missing__(self, name: str) -> dict[str, Any]:
        return {"code": "CART-7YQK4MTR9X", "percent": 10, "ends_at": "2026-05-04T10:00:00+00:00"}

    def __contains__(self, name: object) -> bool:
        return True


def example(*, offers: bool = True, checkout: bool = True) -> dict[str, Any]:
    """A shop, a person and a cart to try messages on. Nobody in it exists."""
    context: dict[str, Any] = {
        "shop": {
            "name": "Fern & Fjord",
            "url": "https://shop.example",
            "domain": "shop.example",
            "address": "Storgatan 1\n111 22 Stockholm\nSweden",
            "logo_url": "",
            "currency": "EUR",
            "locale": "en",
            "timezone": "Europe/Stockholm",
            "offers": {
                "welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9},
                "cart": {"code": "CART10", "percent": 10, "expires_days": 2},
            }
            if offers
            else {},
        },
        "person": {"first_name": "Ada", "last_name": "Berg", "email": "ada@mail.example", "locale": "en"},
        "event": {"occurred_at": "2026-05-01T10:00:00+00:00"},
        "coupon": _Coupons(),
        "links": {"unsubscribe": "https://connector.example/u/token"},
        "message": {"key": "example"},
    }
    if checkout:
        context["checkout"] = {
            "items": [
                {
                    "title": "Linen apron",
                    "variant_title": "Moss green",
                    "quantity": 1,
                    "price": "49.00",
                    "line_price": "49.00",
                    "image_url": "https://cdn.shop.example/apron.jpg",
                    "url": "https://shop.example/products/apron",
                },
                {
                    "title": "Stoneware mug",
                    "variant_title": "",
                    "quantity": 2,
                    "price": "18.50",
                    "line_price": "37.00",
                    "image_url": "https://cdn.shop.example/mug.jpg",
                    "url": "https://shop.example/products/mug",
                },
            ],
            "total": "86.00",
            "currency": "EUR",
            "recovery_url": "https://shop.example/checkouts/recover?key=abc&lang=en",
        }
    return context
