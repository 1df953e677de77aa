"""A worker that does nothing but renew one shop's token, in a process that may be killed; and careless kinds of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from connector.chains import Chain, Kept, Parts
from connector.clock import pause
from connector.db.session import autocommitted, transaction
from connector.errors import ActionNeeded, Retry
from connector.settings import Settings
from connector.shopify.graphql import Store
from connector.shops import load
from connector.tokens import ShopTokens
from tests.install.merchant import built

LOCKED_OUT = 3
"""The exit code of a worker that was told that only the merchant can help."""


class Unclaimed(Chain):
    """Without the lease: whoever finds the token old renews it, and whatever comes is stored."""

    def _claim(self, kept: Kept, *, always: bool = False) -> Kept | None:
        return kept

    def _write(self, claimed: Kept, **values: Any) -> bool:
        its = self.columns
        with autocommitted(self._parts.engine) as connection:
            connection.execute(update(its.shop.table).where(its.shop == self._shop_id).values(**values))
        return True


class UnclaimedShop(Unclaimed, ShopTokens):
    """The store's tokens without a claim."""


KINDS: dict[str, type[ShopTokens]] = {"ours": ShopTokens, "unclaimed": UnclaimedShop}


def run(settings: dict[str, Any], shop_id: int, kind: str) -> None:
    """Use the token and renew it, for ever."""
    deps = built(Settings(**settings))
    parts = Parts(deps.settings, deps.engine, deps.secrets, deps.http, deps.clock)
    while True:
        with transaction(deps.engine) as connection:
            shop = load(connection, shop_id)
        tokens = KINDS[kind](shop, parts)
        try:
            Store(shop.domain, tokens, deps.settings, deps.http).query("shop")
            tokens.after(tokens.current())
        except Retry:
            pause(0.02)
        except ActionNeeded as error:
            # Without a code it was a call between two renewals of the other worker's.
            if error.code:
                raise SystemExit(LOCKED_OUT) from None
