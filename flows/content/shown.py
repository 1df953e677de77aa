"""What a message shows, told from its file: what the lints of flows go by."""

from __future__ import annotations

import re

from flows.content.merchant_html import LIQUID
from flows.content.source import MessageSource
from flows.core.lints import Shown

_OFFER = re.compile(r"\bshop\.offers\.([a-z_]+)(?!\w)(?!\.expires_days)")
_HOW_LONG = re.compile(r"\bshop\.offers\.([a-z_]+)\.expires_days")
_COUPON = re.compile(r"\bcoupon\.([a-z][a-z0-9_]*)")
_PRICES = re.compile(
    r"\brender\s+['\"](?:cart_items|product|products)['\"]"
    r"|\b(?:product|item|checkout|cart)\.(?:price|line_price|total|compare_at_price)\b"
)
_ORDER = re.compile(r"\b(?:order|tracking)\b|['\"](?:order_items|tracking)['\"]|\bevent\.(?:items|order_name)\b")
_PERCENT = re.compile(
    r"\b(\d{1,2})\s?(?:%|per ?cent)\s+(?:off|discount|less|reduction|rabatt)\b"
    r"|\bdiscount of (\d{1,2})\s?(?:%|per ?cent)",
    re.IGNORECASE,
)
_EVENT = re.compile(r"\bevent\.([a-z][a-z0-9_]*)")
_MARKUP = re.compile(r"<[^>]*>")
_WORD = re.compile(r"[^\W_]+")


def shown(source: MessageSource) -> Shown:
    """What is in any branch of it counts."""
    written = "\n".join(source.liquid)
    liquid = "\n".join(LIQUID.findall(written))
    words = _MARKUP.sub(" ", LIQUID.sub(" ", source.body))
    asked = frozenset(_HOW_LONG.findall(liquid))
    return Shown(
        offers=frozenset(_OFFER.findall(liquid)),
        asks_how_long=asked,
        coupons=frozenset(_COUPON.findall(liquid)),
        prices=bool(_PRICES.search(liquid)),
        about_order=bool(_ORDER.search(liquid)),
        percents=frozenset(int(one or other) for one, other in _PERCENT.findall(written)),
        event_fields=frozenset(_EVENT.findall(liquid)),
        words=tuple(word.casefold() for word in _WORD.findall(words)),
    )
