"""How messages and the shop's own pages look, and what flows may offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector import contrast
from connector.admin.sections.kinds import ADDRESS, AREA, COLOUR, NUMBER, TEXT
from connector.admin.sections.section import Field, Section
from connector.shops import Shop

_WHITE, _INK = "#ffffff", "#1f2937"


def _head(shop: Shop) -> Mapping[str, Any]:
    """The head of an email, as a drawing: readable colours as the layout makes them."""
    brand = shop.settings["brand"]
    act = contrast.readable(brand["colour"] or _INK, _WHITE)
    ground = brand["ground"] or "#f4f4f5"
    return {
        "name": brand["name"] or shop.name,
        "logo": shop.settings["logo_url"],
        "act": act,
        "on_act": contrast.ink(act),
        "ground": ground,
        "on_ground": contrast.ink(ground),
        "address": shop.settings["address"],
        "corrected": bool(brand["colour"]) and act != brand["colour"],
    }


def _said_brand(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    if shop.settings["address"]:
        return ()
    return ("There is no postal address. In many countries marketing without one is not lawful: enter it.",)


BRAND = Section(
    "brand",
    "Brand and address",
    "How emails and the pages for your customers look, and the postal address at the foot of every message.",
    (
        Field("brand.name", "Name that customers see", TEXT, empty="the shop's name"),
        Field("logo_url", "Address of the logo", ADDRESS, "Begins with https://.", empty="the name in letters"),
        Field("brand.colour", "Colour of buttons and links", COLOUR, "Such as #1f3d36.", empty="dark grey"),
        Field("brand.ground", "Colour of the ground", COLOUR, "Such as #f4f4f5.", empty="light grey"),
        Field("address", "Postal address", AREA),
        Field("url", "Address of the storefront", ADDRESS, empty="the store's own"),
        Field("locale", "Language of numbers and dates", TEXT, "For people without one of their own, such as de."),
    ),
    ("brand", "logo_url", "address", "url", "locale"),
    effect=_said_brand,
    part="admin/_setting_brand.html",
    more=_head,
)

OFFERS: Mapping[str, str] = {
    "welcome": "Welcome",
    "cart": "Cart recovery",
    "winback": "Win-back",
    "birthday": "Birthday",
    "vip": "Best customers",
    "trial": "Trial",
}
"""The offers that the flows of the library name."""


def _said_offers(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    offers = shop.settings["offers"]
    if not offers:
        return ("No flow offers anything: messages leave out their block with the code.",)
    return tuple(_said_offer(OFFERS.get(name, name), one) for name, one in offers.items())


def _said_offer(label: str, one: Mapping[str, Any]) -> str:
    what = f"{one['percent']} % off" if one["percent"] else "a discount"
    how = f"by the code {one['code']}, the same for all" if one["code"] else "by a code of each customer's own"
    until = f", good for {one['expires_days']} days" if one["expires_days"] else ""
    return f"{label}: {what} {how}{until}."


OFFER_FIELDS = Section(
    "offers",
    "Offers",
    "What flows may offer. With a code everybody gets the same one; without, each customer gets one of their own.",
    tuple(
        field
        for name, label in OFFERS.items()
        for field in (
            Field(
                f"offers.{name}.percent", "Per cent off", NUMBER, group=label, empty="no offer, unless there is a code"
            ),
            Field(f"offers.{name}.code", "One code for all", TEXT, group=label, empty="a code for each customer"),
            Field(f"offers.{name}.expires_days", "Good for days", NUMBER, group=label, empty="as the flow says"),
        )
    ),
    ("offers",),
    effect=_said_offers,
)
