"""The domain that the shop sends from is authenticated at Brevo."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from connector.install import holdings


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    for found in shop.domains:
        if not found["authenticated"]:
            enter = holdings.to_enter(found)
            yield warning(
                holdings.in_words(found),
                f"Enter into its DNS: {enter}. Then start the check at Brevo (Senders, Domains)."
                if enter
                else "At Brevo: Senders, Domains.",
            )


CHECK = Check("domains", "The sender's domain is authenticated at Brevo.", _run, 20.0, ("brevo",), calls=True)
