"""A shop's access token at its store: one that does not expire, one of client credentials, or a chain of pairs.

A refresh token of Shopify's may be shown again until the pair that it was answered with is used (rule of 2026-08-28):
one of the two that ``connector.chains`` stores always serves, whoever dies, is late or hears no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, update

from connector.chains import LOOK, MARGIN, PATIENCE, Chain, Columns, Kept, Parts
from connector.clock import monotonic, pause
from connector.errors import ActionNeeded, Retry
from connector.grants import Grant
from connector.models.shop import shops
from connector.secrets import Secrets
from connector.shopify.tokens import PROVIDER, App, TokenDesk
from connector.shops import Shop

FIXED, EXPIRING, CLIENT_CREDENTIALS = "fixed", "expiring", "client_credentials"

# Wire seconds that a token must have left to be used without being renewed first.
_MARGIN = {EXPIRING: MARGIN, CLIENT_CREDENTIALS: 600.0}

CURES = {
    "invalid_grant": "the store does not renew its token any more: open the app in the Shopify admin again",
    "invalid_client": "the store does not accept the app's client id and secret: check them, or install the app again",
    "frozen": "the store is frozen: its owner must settle with Shopify",
    "not_installed": "the app is not installed in this store: open it in the Shopify admin, or connect the shop again",
}
"""What may stand in ``shops.token_trouble``, and what to do; the last is what an empty token means."""


class ShopTokens(Chain):
    """One shop's token, for ``connector.shopify.graphql.Store``. Cheap to make; not for two threads at once."""

    provider = PROVIDER
    columns = Columns(
        shop=shops.c.id,
        token=shops.c.shopify_token,
        refresh=shops.c.shopify_refresh,
        before=shops.c.shopify_refresh_before,
        expires=shops.c.token_expires_wire,
        refresh_expires=shops.c.refresh_expires_wire,
        stored=shops.c.token_stored_wire,
        claim=shops.c.token_claim,
        lease=shops.c.token_lease_real,
        trouble=shops.c.token_trouble,
        scopes=shops.c.granted_scopes,
    )
    further = (shops.c.token_kind, shops.c.shopify_client_id, shops.c.shopify_secret)
    cures = CURES
    missing = "not_installed"

    def __init__(self, shop: Shop, parts: Parts) -> None:
        super().__init__(shop.id, parts)
        self._shop = shop

    def current(self) -> str:
        """A token that is good for now. Reads the database only when the one that the shop was loaded with is not.

        Raises ActionNeeded, Retry (RateLimited), ConfigurationError when what is stored cannot be opened.
        """
        shop, wire = self._shop, self._parts.clock.wire()
        if shop.shopify_token is None:
            raise self._action("not_installed")
        fresh = shop.token_expires is None or shop.token_expires - wire > _MARGIN.get(shop.token_kind, 0.0)
        if shop.token_kind == FIXED or fresh:
            return self._parts.secrets.decrypt(shop.id, "shopify_token", shop.shopify_token)
        return self._renewed(None)

    def after(self, refused: str) -> str:
        """Another token, now that the store has refused this one. Raises as ``current`` does."""
        if self._shop.token_kind == FIXED:
            raise ActionNeeded(PROVIDER, "the access token is no longer valid: connect the shop again", status=401)
        return self._renewed(refused)

    def exchange(self, session_token: str) -> None:
        """Begin a new chain of pairs with a session token: the app is being installed, or opened again.

        Pages that are opened at once take turns.

        Raises Refused (the session token is too old), Retry, ActionNeeded.
        """
        self._begin(lambda desk: desk.exchange(session_token))

    def redeem(self, code: str) -> None:
        """Begin a new chain with the code of an authorization. Raises as ``exchange`` does."""
        self._begin(lambda desk: desk.redeem(code))

    def obtain(self) -> None:
        """The first token of an own-organisation app. Raises ActionNeeded, Retry."""
        self._begin(lambda desk: desk.client_credentials(), kind=CLIENT_CREDENTIALS)

    def _begin(self, ask: Callable[[TokenDesk], Grant], kind: str = EXPIRING) -> None:
        end = monotonic() + PATIENCE
        while (claimed := self._claimed_anyway()) is None:
            if monotonic() > end:
                raise Retry(PROVIDER, "the shop's token is being renewed: try again", after=1.0)
            pause(LOOK)
        try:
            given = ask(self._desk(claimed))
        except BaseException:
            self._write(claimed, token_lease_real=None)
            raise
        if given.expires is None:
            # An app that may still have tokens that do not expire.
            kind = FIXED
        self._write(claimed, token_kind=kind, **self._pair(given, None))

    def _claimed_anyway(self) -> Kept | None:
        kept = self._read()
        if kept is None:
            raise self._action("not_installed")
        return self._claim(kept, always=True)

    def _ask_next(self, claimed: Kept) -> tuple[Grant, str | None]:
        desk = self._desk(claimed)
        if claimed.row.token_kind == CLIENT_CREDENTIALS:
            return desk.client_credentials(), None
        return self._refreshed(desk.refresh, claimed)

    def _longest_call(self) -> float:
        return self._parts.settings.store_timeout_seconds

    def _margin(self, kept: Kept) -> float:
        return _MARGIN.get(kept.row.token_kind, 0.0)

    def _renewable(self, kept: Kept) -> bool:
        kind = kept.row.token_kind
        return kind == CLIENT_CREDENTIALS or (kind == EXPIRING and kept.refresh is not None)

    def _desk(self, claimed: Kept) -> TokenDesk:
        parts, row = self._parts, claimed.row
        own = self._open(shops.c.shopify_secret, row.shopify_secret)
        settings = parts.settings
        app = App(row.shopify_client_id or settings.shopify_api_key, own or settings.shopify_api_secret)
        return TokenDesk(self._shop.domain, app, settings, parts.http, parts.clock)


def keep_fixed(connection: Connection, secrets: Secrets, shop_id: int, token: str) -> None:
    """Store a token that does not expire, in place of whatever there was."""
    connection.execute(
        update(shops)
        .where(shops.c.id == shop_id)
        .values(token_kind=FIXED, **{**_NOTHING, "shopify_token": secrets.encrypt(shop_id, "shopify_token", token)})
    )


def forget(connection: Connection, shop_id: int) -> None:
    """Drop a shop's tokens: the app was removed. A renewal that is under way stores nothing any more."""
    connection.execute(update(shops).where(shops.c.id == shop_id).values(**_NOTHING))


_NOTHING: dict[str, Any] = {
    "shopify_token": None,
    "shopify_refresh": None,
    "shopify_refresh_before": None,
    "token_expires_wire": None,
    "refresh_expires_wire": None,
    "token_stored_wire": None,
    "token_claim": shops.c.token_claim + 1,
    "token_lease_real": None,
    "token_trouble": None,
}
