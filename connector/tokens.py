"""A shop's access token as we keep it: sealed, and renewed by one process at a time.

What must never happen is that the refresh token that is stored has no successor any more: then only the merchant can
help, by opening the app. A refresh token may be shown again until the pair that it was answered with is used. So:

* whoever renews holds a claim: a number, and a lease in machine time. No transaction is open during the call;
* the new pair is stored in one statement, and only while the claim is still one's own. A pair that is not stored is
  used by nobody, and dropped;
* the refresh token that the pair was got with is stored beside it. A call that was given up may reach the store late
  and make the stored pair void: then nobody uses the pair that it was answered with, and the token before still serves.

So one of the two stored refresh tokens always serves, whoever dies, is late or hears no answer: docs/adr/0015 reasons,
``tests/install/test_renewal.py`` tries. Lifetimes are wire time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, or_, select, update

from connector.clock import Clock, monotonic, pause
from connector.db.session import autocommitted
from connector.errors import ActionNeeded, OutcomeUnknown, Refused, Retry
from connector.http import Http
from connector.logging import get
from connector.models.shop import shops
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shopify.tokens import PROVIDER, App, Grant, TokenDesk
from connector.shops import Shop

log = get(__name__)

FIXED, EXPIRING, CLIENT_CREDENTIALS = "fixed", "expiring", "client_credentials"

# Wire seconds that a token must have left to be used without being renewed first.
_MARGIN = {EXPIRING: 60.0, CLIENT_CREDENTIALS: 600.0}
# ... and that it must have left to be used while somebody else renews it.
_LAST = 5.0
# A refresh token lives 90 days, and lives on by being used: idle shops renew after so many wire seconds.
IDLE_SECONDS = 7 * 86_400.0
# How many times the longest call to the store a claim holds: two calls may be made under it, each waits for the
# connection, the head and the body of an answer, and a call that was given up should be through as well.
_LEASE_CALLS = 6.0
# Machine seconds for which a renewal by somebody else is waited for, and between two looks.
_PATIENCE, _LOOK = 2.0, 0.05
# Machine seconds after which a store that refuses is asked again, and one that did not answer for an idle shop.
_REFUSED_REST, _IDLE_REST = 600.0, 60.0

CURES = {
    "invalid_grant": "the store does not renew its token any more: open the app in the Shopify admin again",
    "invalid_client": "the store does not accept the app's client id and secret: check them, or install the app again",
    "frozen": "the store is frozen: its owner must settle with Shopify",
    "not_installed": "the app is not installed in this store: open it in the Shopify admin, or connect the shop again",
}
"""What may stand in ``shops.token_trouble``, and what to do; the last is what an empty token means."""


@dataclass(frozen=True)
class Parts:
    """What tokens are kept with."""

    settings: Settings
    engine: Engine
    secrets: Secrets
    http: Http
    clock: Clock


@dataclass(frozen=True)
class Kept:
    """A shop's stored token, opened. Times as in the table."""

    kind: str
    token: str | None = field(repr=False)
    expires: float | None
    refresh: str | None = field(repr=False)
    before: str | None = field(repr=False)
    claim: int
    lease: datetime | None
    trouble: str | None
    app: App

    def lives(self, now: float, margin: float) -> bool:
        """Whether the token has this many wire seconds left."""
        return self.token is not None and (self.expires is None or self.expires - now > margin)


class ShopTokens:
    """One shop's token, for ``connector.shopify.graphql.Store``. Cheap to make; not for two threads at once."""

    def __init__(self, shop: Shop, parts: Parts) -> None:
        self._shop = shop
        self._parts = parts

    def current(self) -> str:
        """A token that is good for now. Reads the database only when the one that the shop was loaded with is not.

        Raises ActionNeeded, Retry (RateLimited), ConfigurationError when what is stored cannot be opened.
        """
        shop, wire = self._shop, self._parts.clock.wire()
        if shop.shopify_token is None:
            raise _action("not_installed")
        fresh = shop.token_expires is None or shop.token_expires - wire > _MARGIN.get(shop.token_kind, 0.0)
        if shop.token_kind == FIXED or fresh:
            return self._parts.secrets.decrypt(shop.id, "shopify_token", shop.shopify_token)
        return self._renewed(None)

    def after(self, refused: str) -> str:
        """Another token, now that the store has refused this one. Raises as ``current`` does."""
        if self._shop.token_kind == FIXED:
            raise ActionNeeded(PROVIDER, "the access token is no longer valid: connect the shop again", status=401)
        return self._renewed(refused)

    def refresh_idle(self) -> bool:
        """Renew a pair that has not been renewed for a week; whether that was done. Raises as ``current`` does."""
        kept, stored = self._read()
        if kept.kind != EXPIRING or kept.refresh is None or stored is None:
            return False
        if stored > self._parts.clock.wire() - IDLE_SECONDS:
            return False
        claimed = self._claim(kept)
        return claimed is not None and self._renew(claimed, rest=_IDLE_REST) is not None

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

    # --- renewing

    def _renewed(self, refused: str | None) -> str:
        end = monotonic() + _PATIENCE
        while True:
            kept, _ = self._read()
            wire = self._parts.clock.wire()
            usable = kept.token if kept.token != refused else None
            if usable is not None and kept.lives(wire, _MARGIN.get(kept.kind, 0.0)):
                return usable
            if kept.token is None or kept.kind == FIXED or (kept.kind == EXPIRING and kept.refresh is None):
                raise _action(kept.trouble or "not_installed")
            claimed = self._claim(kept)
            if claimed is not None:
                token = self._renew(claimed)
                if token is not None:
                    return token
                continue
            if kept.trouble is not None:
                raise _action(kept.trouble)
            if usable is not None and kept.lives(wire, _LAST):
                return usable
            if monotonic() > end:
                raise Retry(PROVIDER, "another process is renewing the shop's token", after=1.0)
            pause(_LOOK)

    def _renew(self, claimed: Kept, rest: float = 0.0) -> str | None:
        """Ask for the next token and store it; None when the claim was lost meanwhile: then what is stored counts.

        ``rest``: machine seconds for which nobody asks again when there was no answer.
        """
        again = self._parts.clock.machine() + timedelta(seconds=rest) if rest else None
        desk = TokenDesk(self._shop.domain, claimed.app, self._parts.settings, self._parts.http, self._parts.clock)
        try:
            given, spent = _next(desk, claimed)
        except (Refused, ActionNeeded) as error:
            if not self._write(claimed, **self._refusal(error)):
                return None
            raise _action(error.code) from error
        except OutcomeUnknown as error:
            self._write(claimed, token_lease_real=again)
            # Nothing that the caller wants was begun.
            raise Retry(PROVIDER, error.detail, status=error.status) from error
        except Retry:
            self._write(claimed, token_lease_real=again)
            raise
        return given.token if self._write(claimed, **self._pair(claimed.kind, given, spent)) else None

    def _begin(self, ask: Any, kind: str = EXPIRING) -> None:
        end = monotonic() + _PATIENCE
        while (claimed := self._claim(self._read()[0], always=True)) is None:
            if monotonic() > end:
                raise Retry(PROVIDER, "the shop's token is being renewed: try again", after=1.0)
            pause(_LOOK)
        desk = TokenDesk(self._shop.domain, claimed.app, self._parts.settings, self._parts.http, self._parts.clock)
        try:
            given: Grant = ask(desk)
        except BaseException:
            self._write(claimed, token_lease_real=None)
            raise
        if given.expires is None:
            # An app that may still have tokens that do not expire.
            kind = FIXED
        self._write(claimed, **self._pair(kind, given, None))

    # --- what is stored

    def _read(self) -> tuple[Kept, float | None]:
        """What is stored now, and when it was (wire time)."""
        with autocommitted(self._parts.engine) as connection:
            row = connection.execute(_READ.where(shops.c.id == self._shop.id)).one()
        return self._opened(row), row.token_stored_wire

    def _claim(self, kept: Kept, *, always: bool = False) -> Kept | None:
        """What is stored, with the claim now ours; None when somebody else holds it or was quicker.

        ``always``: also while a refusal rests.
        """
        machine = self._parts.clock.machine()
        lease = machine + timedelta(seconds=_LEASE_CALLS * self._parts.settings.store_timeout_seconds)
        free = or_(shops.c.token_lease_real.is_(None), shops.c.token_lease_real < machine)
        if always:
            free = or_(free, shops.c.token_trouble.is_not(None))
        statement = (
            update(shops)
            .where(shops.c.id == self._shop.id, shops.c.token_claim == kept.claim, free)
            .values(token_claim=shops.c.token_claim + 1, token_lease_real=lease)
            .returning(*_COLUMNS)
        )
        with autocommitted(self._parts.engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else self._opened(row)

    def _write(self, claimed: Kept, **values: Any) -> bool:
        """Write under the claim, which ends with it; whether it was still ours."""
        mine = and_(shops.c.id == self._shop.id, shops.c.token_claim == claimed.claim)
        # Another number: who read before this cannot claim what has just been done.
        ended = {"token_claim": shops.c.token_claim + 1, **values}
        with autocommitted(self._parts.engine) as connection:
            done = connection.execute(update(shops).where(mine).values(**ended)).rowcount
        if not done:
            log.info("token_claim_lost", shop_id=self._shop.id)
        return bool(done)

    def _pair(self, kind: str, given: Grant, spent: str | None) -> dict[str, Any]:
        """All that a new token changes: one statement, or a process could die between the halves of a pair."""
        values: dict[str, Any] = {
            "token_kind": kind,
            "shopify_token": self._seal("shopify_token", given.token),
            "shopify_refresh": self._seal("shopify_refresh", given.refresh),
            "shopify_refresh_before": self._seal("shopify_refresh_before", spent),
            "token_expires_wire": given.expires,
            "refresh_expires_wire": given.refresh_expires,
            "token_stored_wire": self._parts.clock.wire(),
            "token_lease_real": None,
            "token_trouble": None,
        }
        if given.scopes:
            values["granted_scopes"] = list(given.scopes)
        return values

    def _refusal(self, error: Refused | ActionNeeded) -> dict[str, Any]:
        code = error.code if error.code in CURES else "invalid_grant"
        log.warning("token_refused", shop_id=self._shop.id, status=error.status, reason=code)
        rest = self._parts.clock.machine() + timedelta(seconds=_REFUSED_REST)
        return {"token_trouble": code, "token_lease_real": rest}

    def _seal(self, kind: str, text: str | None) -> str | None:
        return None if text is None else self._parts.secrets.encrypt(self._shop.id, kind, text)

    def _open(self, kind: str, sealed: str | None) -> str | None:
        return None if sealed is None else self._parts.secrets.decrypt(self._shop.id, kind, sealed)

    def _opened(self, row: Any) -> Kept:
        settings = self._parts.settings
        own = self._open("shopify_secret", row.shopify_secret)
        app = App(row.shopify_client_id or settings.shopify_api_key, own or settings.shopify_api_secret)
        return Kept(
            row.token_kind,
            self._open("shopify_token", row.shopify_token),
            row.token_expires_wire,
            self._open("shopify_refresh", row.shopify_refresh),
            self._open("shopify_refresh_before", row.shopify_refresh_before),
            row.token_claim,
            row.token_lease_real,
            row.token_trouble,
            app,
        )


_COLUMNS = (
    shops.c.token_kind, shops.c.shopify_token, shops.c.shopify_secret, shops.c.shopify_client_id,
    shops.c.shopify_refresh, shops.c.shopify_refresh_before, shops.c.token_expires_wire, shops.c.token_claim,
    shops.c.token_lease_real, shops.c.token_trouble, shops.c.token_stored_wire,
)  # fmt: skip
_READ = select(*_COLUMNS)


def _next(desk: TokenDesk, claimed: Kept) -> tuple[Grant, str | None]:
    """The next token, and the refresh token that it was got with."""
    if claimed.kind == CLIENT_CREDENTIALS:
        return desk.client_credentials(), None
    assert claimed.refresh is not None
    try:
        return desk.refresh(claimed.refresh), claimed.refresh
    except Refused:
        if claimed.before is None:
            raise
        return desk.refresh(claimed.before), claimed.before


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


def _action(code: str) -> ActionNeeded:
    return ActionNeeded(PROVIDER, CURES.get(code, CURES["invalid_grant"]), status=401, code=code)
