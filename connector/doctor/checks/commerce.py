"""Brevo's e-commerce takes orders and products, in a currency that the shop's amounts can be converted into."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from connector.errors import ActionNeeded
from sync.currency import NoRate, Rates


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    shop.await_turn()
    try:
        shown = shop.account.display_currency()
    except ActionNeeded as error:
        if error.status != 403:
            raise
        yield warning(
            "E-commerce is not activated in the Brevo account: orders and products are refused there.",
            f"`connector shop add {shop.shop.domain}` activates it.",
        )
        return
    if shown and shown != shop.shop.currency and not _has_rate(shop, shown):
        yield warning(
            f"Brevo shows amounts in {shown}, the shop counts in {shop.shop.currency}, and there is no rate: orders and"
            " products are held back.",
            f"`connector currency set {shop.shop.currency} {shown} RATE --shop {shop.shop.domain}`, or set the display"
            " currency at Brevo (E-commerce, Settings).",
        )


def _has_rate(shop: ConnectedShop, shown: str) -> bool:
    with shop.connection() as connection:
        rates = Rates.read(connection, shop.shop.id)
    try:
        rates.exchange(shop.shop.currency, shown, None)
    except NoRate:
        return False
    return True


CHECK = Check(
    "e-commerce", "Brevo takes orders and products, in a currency of known worth.", _run, 20.0, ("brevo",), True
)
