"""Brevo's e-commerce takes orders and products, in the shop's currency."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from connector.errors import ActionNeeded


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
    if shown and shown != shop.shop.currency:
        yield warning(
            f"Brevo shows amounts in {shown}, the shop counts in {shop.shop.currency}.",
            "Set the display currency at Brevo (E-commerce, Settings): orders carry no currency of their own.",
        )


CHECK = Check("e-commerce", "Brevo takes orders and products, in the shop's currency.", _run, 20.0, ("brevo",), True)
