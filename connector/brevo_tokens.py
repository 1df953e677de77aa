"""A shop's access to Brevo by OAuth, as we keep it, and which of the two kinds of credential a shop has.

Brevo's access token lives an hour, its refresh token 30 days. Whether a refresh token that was shown once may be shown
again is not documented: where it may not, an answer that nobody heard ends the access, and the merchant agrees again.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects.postgresql import insert

from connector.brevo.credentials import Access, ApiKey, Headers, bearer
from connector.brevo.oauth import TokenDesk
from connector.brevo.verdicts import PROVIDER
from connector.chains import MARGIN, Chain, Columns, Kept, Parts, pair
from connector.grants import Grant
from connector.models.brevo import brevo_grants
from connector.models.shop import shops
from connector.secrets import Secrets
from connector.shops import Shop

CURES = {
    "invalid_grant": "Brevo no longer renews the access that was agreed to: connect Brevo again on the shop's page",
    "invalid_client": "Brevo does not accept the app: check BREVO_APP_CLIENT_ID and BREVO_OAUTH_URL",
    "not_connected": "the shop has no access to a Brevo account: connect Brevo on the shop's page",
}
"""What may stand in ``brevo_grants.trouble``, and what to do; the last is what a missing row means."""

COLUMNS = Columns(
    shop=brevo_grants.c.shop_id,
    token=brevo_grants.c.brevo_token,
    refresh=brevo_grants.c.brevo_refresh,
    before=brevo_grants.c.brevo_refresh_before,
    expires=brevo_grants.c.expires_wire,
    refresh_expires=brevo_grants.c.refresh_expires_wire,
    stored=brevo_grants.c.stored_wire,
    claim=brevo_grants.c.claim,
    lease=brevo_grants.c.lease_real,
    trouble=brevo_grants.c.trouble,
    scopes=brevo_grants.c.scopes,
)


class BrevoTokens(Chain):
    """A credential (``connector.brevo.credentials``) that renews itself. Never inside a transaction."""

    provider = PROVIDER
    columns = COLUMNS
    cures = CURES
    missing = "not_connected"

    def __init__(self, shop: Shop, parts: Parts) -> None:
        super().__init__(shop.id, parts)
        self._loaded = shop.brevo_grant

    @property
    def seed(self) -> str:
        return f"grant of shop {self._shop_id}"

    def headers(self) -> Headers:
        """Reads the database only when the token that the shop was loaded with is too old.

        Raises ActionNeeded, Retry (RateLimited), ConfigurationError when what is stored cannot be opened.
        """
        held, wire = self._loaded, self._parts.clock.wire()
        if held is not None and (held.expires is None or held.expires - wire > MARGIN):
            return bearer(self._parts.secrets.decrypt(self._shop_id, COLUMNS.token.name, held.token))
        return bearer(self._renewed(None))

    def renewed(self, refused: Headers) -> Headers:
        """Raises as ``headers`` does."""
        self._loaded = None
        return bearer(self._renewed(refused["Authorization"].removeprefix("Bearer ")))

    def _ask_next(self, claimed: Kept) -> tuple[Grant, str | None]:
        desk = TokenDesk(self._parts.settings, self._parts.http, self._parts.clock)
        given, spent = self._refreshed(desk.refresh, claimed)
        if given.refresh is None:
            # The old one goes on (RFC 6749, 6).
            return replace(given, refresh=spent), None
        return given, spent

    def _longest_call(self) -> float:
        return self._parts.settings.provider_timeout_seconds


def keep(connection: Connection, secrets: Secrets, shop_id: int, credential: ApiKey | Access, wire: float) -> None:
    """Store the credential in place of whatever the shop had. A renewal that is under way stores nothing any more.

    ``wire``: now, in wire time.
    """
    if isinstance(credential, ApiKey):
        sealed = secrets.encrypt(shop_id, "brevo_key", credential.text)
        connection.execute(update(shops).where(shops.c.id == shop_id).values(brevo_key=sealed))
        connection.execute(delete(brevo_grants).where(brevo_grants.c.shop_id == shop_id))
        return
    connection.execute(update(shops).where(shops.c.id == shop_id).values(brevo_key=None))
    values = {"scopes": [], **pair(COLUMNS, secrets, shop_id, credential.grant, None, wire)}
    # A number that no claim of an earlier row had.
    statement = insert(brevo_grants).values(shop_id=shop_id, claim=int(wire * 1000), **values)
    ended = {"claim": brevo_grants.c.claim + 1, **values}
    connection.execute(statement.on_conflict_do_update(index_elements=["shop_id"], set_=ended))
