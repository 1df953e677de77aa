"""What Brevo was told of contacts is there: it drops what it does not take, and does not say so."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from sync import read_back


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    found = read_back.sample(shop.deps, shop.shop, shop.account, lane=shop.lane)
    for sentence in found.sentences:
        yield warning(
            f"{sentence}.",
            f"`connector mapping preview --shop {shop.shop.domain} --customer ID` shows what is sent; when type and"
            " name of the attribute agree with Brevo, a sync of the contacts (`connector sync run`) tells it again.",
        )


CHECK = Check("values", "Brevo has the values that it was told of contacts.", _run, 60.0, ("brevo",), True)
