"""The token may read what is needed."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.shopify.scopes import NEEDED, missing


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    lacking = missing(shop.scopes)
    for say, essential in ((broken, True), (warning, False)):
        names = [name for name in lacking if NEEDED[name].essential is essential]
        if names:
            said = "; ".join(f"{name} ({NEEDED[name].purpose})" for name in names)
            yield say(
                f"The token lacks scopes that are needed to read what is in brackets: {said}.",
                "Grant them in the app's configuration, install the app again, then `connector shop add"
                f" {shop.shop.domain}` with its new token.",
            )


CHECK = Check("scopes", "The token has the scopes that are needed.", _run, 20.0, needs=("store",), calls=True)
