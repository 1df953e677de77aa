"""The store answers to our token."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.errors import ActionNeeded
from connector.tokens import EXPIRING


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    try:
        assert shop.scopes is not None
    except ActionNeeded as error:
        again = f"Connect the shop again with a valid token: `connector shop add {shop.shop.domain}`."
        if shop.shop.token_kind == EXPIRING:
            again = "Open the app in the Shopify admin of this shop: that brings a new token."
        yield broken(f"The store refuses: {error}.", again)
        return
    served, wanted = shop.store.heard.get("x-shopify-api-version"), shop.deps.settings.shopify_api_version
    if served and served != wanted:
        yield warning(
            f"The store serves API version {served} where {wanted} is asked for: that one is gone or not there yet.",
            "Set SHOPIFY_API_VERSION to a version that is served and that this release was tested with.",
        )


CHECK = Check("store", "The store answers to our token, in the version that is asked for.", _run, 20.0, calls=True)
