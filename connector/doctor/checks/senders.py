"""The address that the shop sends from is verified at Brevo."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken
from connector.doctor.subject import ConnectedShop


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    known = {str(one.get("email")).lower(): one.get("active", True) for one in shop.senders}
    sender = shop.shop.sender_email
    if not known.get(sender.lower()):
        state = "is not yet verified as" if sender.lower() in known else "is not"
        yield broken(
            f"The shop sends from {sender}, which {state} a sender of the Brevo account: its messages are refused.",
            f"Verify it at Brevo (Senders), or choose another: `connector shop add {shop.shop.domain} --sender EMAIL`.",
        )


CHECK = Check("senders", "The shop's sender is verified at Brevo.", _run, 20.0, needs=("brevo",), calls=True)
