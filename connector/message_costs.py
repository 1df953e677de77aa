"""What a message costs, as the merchant has said: a price per segment, by channel and country."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import phonenumbers

DEFAULT = "default"
"""The price where the country has none of its own."""


def cost(settings: Mapping[str, Any], channel: str, country: str | None, segments: int) -> Decimal | None:
    """In the shop's currency; None when the settings do not say. ``settings``: the shop's, ``country``: ISO 3166."""
    prices = settings["message_costs"].get(channel, {})
    price: Decimal | None = prices.get(country or DEFAULT, prices.get(DEFAULT))
    return None if price is None else price * segments


def country_of_number(number: str) -> str | None:
    """The country that a number as +4915... belongs to; None when nobody can tell.

    >>> country_of_number("+4915112345678"), country_of_number("+15145550199"), country_of_number("+999")
    ('DE', 'CA', None)
    """
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
