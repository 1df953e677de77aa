"""The shop is connected to both platforms, and it is known which account at Brevo it has."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    if not shop.shop.has_brevo:
        yield warning(
            "Connected to the store, not yet to Brevo: nothing is sent.",
            f"Connect Brevo on the shop's page of the admin, or: `connector shop add {shop.shop.domain}`.",
        )
    elif shop.shop.brevo_account is None:
        yield warning(
            "It is not known whose account at Brevo this is: another shop that has the same would write over it.",
            f"It is asked for with the next messages; `connector shop add {shop.shop.domain}` asks at once.",
        )


CHECK = Check("connection", "The shop is connected to its store and to Brevo.", _run, 2.0)
