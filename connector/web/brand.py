"""How a shop's own pages look to its customers: name, logo and colours, from the shop's settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from connector.contrast import ink, readable
from connector.shops import Shop
from connector.web import responses

# The cards of page.css, before which the brand's colour stands, by day and by night.
_CARD, _CARD_AT_NIGHT = "#ffffff", "#212327"


@dataclass(frozen=True)
class Look:
    """``css``: a style sheet of its own, empty without colours. ``policy``: the content policy of the page."""

    name: str
    logo_url: str
    css: str
    policy: str


def look(shop: Shop) -> Look:
    """Of this shop. A colour that could not be read is made darker or lighter until it can."""
    brand = shop.settings["brand"]
    css = _css(brand["colour"], brand["ground"])
    logo = shop.settings["logo_url"]
    policy = responses.policy(styles=[css] if css else [], images=f"https://{urlsplit(logo).netloc}" if logo else None)
    return Look(brand["name"] or shop.name, logo, css, policy)


def _css(colour: str | None, ground: str | None) -> str:
    day = {"--ground": ground} if ground else {}
    night: dict[str, str] = {}
    if colour:
        day |= _acting(colour, _CARD)
        night |= _acting(colour, _CARD_AT_NIGHT)
    if not day:
        return ""
    return f":root{{{_written(day)}}}" + (
        f"@media (prefers-color-scheme: dark){{:root{{{_written({**_GROUND_AT_NIGHT, **night})}}}}}"
    )


# The shop's ground is made for the day.
_GROUND_AT_NIGHT = {"--ground": "#16171a"}


def _acting(colour: str, card: str) -> dict[str, str]:
    act = readable(colour, card)
    return {"--act": act, "--on-act": ink(act)}


def _written(values: dict[str, str]) -> str:
    return "".join(f"{name}:{value};" for name, value in values.items())
