"""The facts that a message may name, and how templates see them.

====================  ============================================================================================
``shop``              ``name``, ``url``, ``domain``, ``address`` (postal, lines parted by newlines), ``logo_url``,
                      ``currency`` (ISO 4217), ``locale``, ``timezone`` (IANA), ``offers``: by name
                      (``welcome``, ``cart``) a ``code``, ``percent`` and ``expires_days``, the last two optional;
                      ``brand``: ``name``, ``colour`` and ``ground`` (#rrggbb)
``person``            ``first_name``, ``last_name``, ``email``, ``phone``, ``city``, ``country``, ``locale``,
                      ``orders_count``, ``total_spent``, ``tags``, ``segments`` (names of the shop's segments that
                      they are in), ``answers``: what they last answered in forms, by question; ``last_order``: as
                      ``order``, with ``placed_at``; what is not known is null
``checkout``, ``cart``  ``items`` (see below), ``total``, ``currency``, ``recovery_url``, and ``total_changed`` when
                      prices are others than when it was filled; absent outside cart flows
``order``             that the run is about: ``name``, ``total``, ``currency``, ``placed_at``, ``items``,
                      ``status_url``, ``reorder_url`` (a cart with the same in it)
items                 ``title``, ``variant_title``, ``quantity``, ``price``, ``line_price``, ``image_url``, ``url``,
                      ``sold_out``
``tracking``          of its newest parcel: ``company``, ``number``, ``url``, ``estimated_at``
``product``           that the run is about: ``title``, ``variant_title``, ``url``, ``image_url``, ``price``,
                      ``compare_at_price``, ``currency``, ``available``, ``sold_out``, ``buy_url`` (a cart with it)
``products``          lists of such products: ``bestsellers``, ``similar``, ``new``, ``viewed``, ``bought``
``loyalty``           ``points``, ``tier``, ``reward``, ``expires_at``, ``next_tier``, ``points_to_next``
``reviews``           a list of ``text``, ``author``, ``rating`` (1 to 5), ``product_title``; empty without a source
``profile``           what the shop's mapping keeps of its own fields of customers, by name
``coupon``            by the name that the flow gave it ``code``, ``percent`` or ``amount``, ``minimum`` and
                      ``ends_at``; null when none could be made; absent before the step that makes it
``event``             the properties of the event that started the flow
``params``            in the body of a WhatsApp message: what its template is filled with, by name
``prices``            ``as_of``: when prices and stock were as shown, when the store could not be asked now
``links``             ``unsubscribe``, ``preferences``
``message``           ``key`` (one per message and person), and, added here, ``name``, ``purpose`` and ``locale``
====================  ============================================================================================

Everything is plain data: texts, numbers, lists and mappings. Amounts are decimals or their text ("19.90"),
never cents; moments are aware datetimes or their ISO text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connector.contrast import ink, readable
from flows.content.example import bare, example
from flows.content.limits import MAX_LIST
from flows.content.source import MessageSource

__all__ = ["bare", "coupons_in", "example", "prepared"]

_COUPON = re.compile(r"\bcoupon\.([a-z][a-z0-9_]*)")


def coupons_in(*texts: str) -> tuple[str, ...]:
    """The names of the coupons that a message of these texts shows."""
    return tuple(sorted({name for text in texts for name in _COUPON.findall(text)}))


def prepared(source: MessageSource, context: Mapping[str, Any]) -> dict[str, Any]:
    """The context as templates see it.

    Blank texts count as missing, but those of the event; the address is one line, the shop's address on
    the web falls back to its domain, and an offer without a code is none: ``{% if shop.offers.cart %}`` is
    enough to ask whether there is something to offer.
    """
    shop = _blanks_out(context.get("shop") or {})
    shop["brand"] = _brand(shop.get("brand"), shop.get("name"))
    shop["offers"] = {name: offer for name, offer in (shop.get("offers") or {}).items() if (offer or {}).get("code")}
    if shop.get("address"):
        shop["address"] = ", ".join(line.strip() for line in shop["address"].splitlines() if line.strip())
    if shop.get("url") or shop.get("domain"):
        shop["url"] = (shop.get("url") or f"https://{shop['domain']}").rstrip("/")
    message = {"name": source.name, "purpose": source.purpose, "locale": source.locale}
    facts = {
        **context,
        **{root: _blanks_out(context[root]) for root in _TOLD if root in context},
        "shop": shop,
        "message": {**(context.get("message") or {}), **message},
    }
    # Either is the other's stand-in: a checkout is a cart that went further.
    for one, other in (("checkout", "cart"), ("cart", "checkout")):
        if context.get(one) and context.get(other) is None:
            facts[other] = context[one]
    return facts


_COLOUR = re.compile(r"#[0-9a-f]{6}")
_CARD, _CARD_AT_NIGHT = "#ffffff", "#22221f"
_LOOK = {"colour": "#1f3d36", "ground": "#f3f2ee"}
_INK, _QUIET = "#2b2b28", "#63635c"


@lru_cache(maxsize=1024)
def _painted(colour: str, ground: str) -> Mapping[str, str]:
    act, night = readable(colour, _CARD), readable(colour, _CARD_AT_NIGHT)
    return {
        "colour": colour,
        "ground": ground,
        "act": act,
        "on_act": ink(act),
        "night": night,
        "on_night": ink(night),
        "ink_on_ground": readable(_INK, ground),
        "on_ground": readable(_QUIET, ground),
    }


def _brand(told: Mapping[str, Any] | None, name: str | None) -> dict[str, Any]:
    """What the layout paints with. Whatever the merchant chose, text stays readable before it."""
    # They end in a style: what is no colour is none.
    look = {
        each: chosen if _COLOUR.fullmatch(chosen := str((told or {}).get(each))) else shipped
        for each, shipped in _LOOK.items()
    }
    return {"name": (told or {}).get("name") or name, **_painted(**look)}


_TOLD = ("person", "order", "tracking", "product", "products", "loyalty", "reviews", "profile")


def _blanks_out(value: Any) -> Any:
    """With null for every blank text in it: in Liquid a blank text is as good as any, and would be printed."""
    if isinstance(value, Mapping):
        return {name: _blanks_out(inner) for name, inner in value.items()}
    if isinstance(value, list):
        # A longer one is shown by nothing: it only costs.
        return value if len(value) > MAX_LIST else [_blanks_out(inner) for inner in value]
    return None if isinstance(value, str) and not value.strip() else value
