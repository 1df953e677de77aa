"""The contact attributes that we fill exist at Brevo, with our types."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from sync import attributes
from sync.mapping import contact


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    mapping = contact.of_shop(shop.shop)
    for problem in attributes.problems(shop.account, mapping):
        yield warning(
            f"At Brevo {problem}.",
            f"`connector shop add {shop.shop.domain}` creates what is missing; another type must be changed at Brevo,"
            " or another name mapped (`contact_mapping`).",
        )


CHECK = Check("attributes", "The contact attributes exist at Brevo, with our types.", _run, 20.0, ("brevo",), True)
