"""Access tokens with a refresh token, as we keep them: sealed, and renewed by one process at a time.

What must never happen is that the refresh token that is stored has no successor any more: then only the merchant can
help. So:

* whoever renews holds a claim: a number, and a lease in machine time. No transaction is open during the call;
* the new pair is stored in one statement, and only while the claim is still one's own. A pair that is not stored is
  used by nobody, and dropped;
* the refresh token that the pair was got with is stored beside it. A call that was given up may reach the platform late
  and make the stored pair void: where it lets a refresh token serve until the pair that it was answered with is used,
  nobody uses that pair, and the token before still serves.

docs/adr/0015 reasons, ``tests/install/test_renewal.py`` and ``tests/adapters/test_brevo_grants.py`` try. Lifetimes are
wire time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import Column, Engine, Row, and_, or_, select, update

from connector.clock import Clock, monotonic, pause
from connector.db.session import autocommitted
from connector.errors import ActionNeeded, OutcomeUnknown, Refused, Retry
from connector.grants import Grant
from connector.http import Http
from connector.logging import get
from connector.secrets import Secrets
from connector.settings import Settings

log = get(__name__)

IDLE_SECONDS = 7 * 86_400.0
"""A refresh token lives 90 days (Shopify) or 30 (Brevo), and lives on by being used: idle shops renew after so many
wire seconds."""

# Wire seconds that a token must have left to be used without being renewed first, and while somebody else renews it.
MARGIN, _LAST = 60.0, 5.0
# How many times the longest call a claim holds: two calls may be made under it, each waits for the connection, the head
# and the body of an answer, and a call that was given up should be through as well.
_LEASE_CALLS = 6.0
# Machine seconds for which a renewal by somebody else is waited for, and between two looks.
PATIENCE, LOOK = 2.0, 0.05
# Machine seconds after which a platform that refuses is asked again, and one that did not answer for an idle shop.
_REFUSED_REST, _IDLE_REST = 600.0, 60.0


@dataclass(frozen=True)
class Parts:
    """What tokens are kept with."""

    settings: Settings
    engine: Engine
    secrets: Secrets
    http: Http
    clock: Clock


@dataclass(frozen=True)
class Columns:
    """Where a chain is kept: the columns of a table with one row for a shop. What is sealed is sealed for its column.

    ``stored``: when the pair was stored; ``trouble``: why there will be no next token, a key of ``Chain.cures``.
    """

    shop: Column[Any]
    token: Column[Any]
    refresh: Column[Any]
    before: Column[Any]
    expires: Column[Any]
    refresh_expires: Column[Any]
    stored: Column[Any]
    claim: Column[Any]
    lease: Column[Any]
    trouble: Column[Any]
    scopes: Column[Any]


@dataclass(frozen=True)
class Kept:
    """What is stored, opened. ``row``: also what else of it the chain's kind asks for."""

    token: str | None = field(repr=False)
    expires: float | None
    refresh: str | None = field(repr=False)
    before: str | None = field(repr=False)
    stored: float | None
    claim: int
    trouble: str | None
    row: Row[Any] = field(repr=False)

    def lives(self, now: float, margin: float) -> bool:
        """Whether the token has this many wire seconds left."""
        return self.token is not None and (self.expires is None or self.expires - now > margin)


class Chain:
    """One shop's chain of tokens at one platform. Cheap to make; not for two threads at once."""

    provider: ClassVar[str]
    columns: ClassVar[Columns]
    further: ClassVar[tuple[Column[Any], ...]] = ()
    """What else of the row is read."""
    cures: ClassVar[Mapping[str, str]]
    """What may be the trouble, and what to do. "invalid_grant" is one."""
    missing: ClassVar[str]
    """The cure's name when there is no token at all."""

    def __init__(self, shop_id: int, parts: Parts) -> None:
        self._shop_id = shop_id
        self._parts = parts

    def refresh_idle(self) -> bool:
        """Renew a pair that has not been renewed for a week; whether that was done. Raises as ``current`` does."""
        kept = self._read()
        if kept is None or kept.refresh is None or kept.stored is None:
            return False
        if kept.stored > self._parts.clock.wire() - IDLE_SECONDS:
            return False
        claimed = self._claim(kept)
        return claimed is not None and self._renew(claimed, rest=_IDLE_REST) is not None

    # --- what differs from platform to platform

    def _ask_next(self, claimed: Kept) -> tuple[Grant, str | None]:
        """The next token, and the refresh token that it was got with. Raises ProviderError."""
        raise NotImplementedError

    def _longest_call(self) -> float:
        """Machine seconds."""
        raise NotImplementedError

    def _margin(self, kept: Kept) -> float:
        return MARGIN

    def _renewable(self, kept: Kept) -> bool:
        return kept.refresh is not None

    def _also(self, claimed: Kept) -> dict[str, Any]:
        """What else of the row a new token changes."""
        return {}

    # --- renewing

    @staticmethod
    def _refreshed(refresh: Callable[[str], Grant], claimed: Kept) -> tuple[Grant, str]:
        """The answer to the newest refresh token, or to the one before it."""
        assert claimed.refresh is not None
        try:
            return refresh(claimed.refresh), claimed.refresh
        except Refused:
            if claimed.before is None:
                raise
            return refresh(claimed.before), claimed.before

    def _renewed(self, refused: str | None) -> str:
        """A token that is good for now and is not ``refused``. Raises ActionNeeded, Retry."""
        end = monotonic() + PATIENCE
        while True:
            kept = self._read()
            if kept is None:
                raise self._action(self.missing)
            wire = self._parts.clock.wire()
            usable = kept.token if kept.token != refused else None
            if usable is not None and kept.lives(wire, self._margin(kept)):
                return usable
            if kept.token is None or not self._renewable(kept):
                raise self._action(kept.trouble or self.missing)
            claimed = self._claim(kept)
            if claimed is not None:
                token = self._renew(claimed)
                if token is not None:
                    return token
                continue
            if kept.trouble is not None:
                raise self._action(kept.trouble)
            if usable is not None and kept.lives(wire, _LAST):
                return usable
            if monotonic() > end:
                raise Retry(self.provider, "another process is renewing the shop's token", after=1.0)
            pause(LOOK)

    def _renew(self, claimed: Kept, rest: float = 0.0) -> str | None:
        """Ask for the next token and store it; None when the claim was lost meanwhile: then what is stored counts.

        ``rest``: machine seconds for which nobody asks again when there was no answer.
        """
        again = {self.columns.lease.name: self._after(rest) if rest else None}
        try:
            given, spent = self._ask_next(claimed)
        except (Refused, ActionNeeded) as error:
            if not self._write(claimed, **self._refusal(error)):
                return None
            raise self._action(error.code) from error
        except OutcomeUnknown as error:
            self._write(claimed, **again)
            # Nothing that the caller wants was begun.
            raise Retry(self.provider, error.detail, status=error.status) from error
        except Retry:
            self._write(claimed, **again)
            raise
        return given.token if self._write(claimed, **self._pair(given, spent), **self._also(claimed)) else None

    # --- what is stored

    def _read(self) -> Kept | None:
        """What is stored now; None when there is no row."""
        with autocommitted(self._parts.engine) as connection:
            query = select(*self._wanted()).where(self.columns.shop == self._shop_id)
            row = connection.execute(query).one_or_none()
        return None if row is None else self._opened(row)

    def _claim(self, kept: Kept, *, always: bool = False) -> Kept | None:
        """What is stored, with the claim now ours; None when somebody else holds it or was quicker.

        ``always``: also while a refusal rests.
        """
        its = self.columns
        machine = self._parts.clock.machine()
        free = or_(its.lease.is_(None), its.lease < machine)
        if always:
            free = or_(free, its.trouble.is_not(None))
        statement = (
            update(its.shop.table)
            .where(its.shop == self._shop_id, its.claim == kept.claim, free)
            .values({its.claim: its.claim + 1, its.lease: self._after(_LEASE_CALLS * self._longest_call())})
            .returning(*self._wanted())
        )
        with autocommitted(self._parts.engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else self._opened(row)

    def _write(self, claimed: Kept, **values: Any) -> bool:
        """Write under the claim, which ends with it; whether it was still ours."""
        its = self.columns
        mine = and_(its.shop == self._shop_id, its.claim == claimed.claim)
        # Another number: who read before this cannot claim what has just been done.
        ended = {its.claim.name: its.claim + 1, **values}
        with autocommitted(self._parts.engine) as connection:
            done = connection.execute(update(its.shop.table).where(mine).values(**ended)).rowcount
        if not done:
            log.info("token_claim_lost", shop_id=self._shop_id)
        return bool(done)

    def _pair(self, given: Grant, spent: str | None) -> dict[str, Any]:
        return pair(self.columns, self._parts.secrets, self._shop_id, given, spent, self._parts.clock.wire())

    def _refusal(self, error: Refused | ActionNeeded) -> dict[str, Any]:
        code = error.code if error.code in self.cures else "invalid_grant"
        log.warning("token_refused", shop_id=self._shop_id, status=error.status, reason=code)
        return {self.columns.trouble.name: code, self.columns.lease.name: self._after(_REFUSED_REST)}

    def _action(self, code: str) -> ActionNeeded:
        cure = self.cures.get(code, self.cures["invalid_grant"])
        return ActionNeeded(self.provider, cure, status=401, code=code)

    def _open(self, column: Column[Any], sealed: str | None) -> str | None:
        return None if sealed is None else self._parts.secrets.decrypt(self._shop_id, column.name, sealed)

    def _opened(self, row: Row[Any]) -> Kept:
        its, told = self.columns, row._mapping
        return Kept(
            self._open(its.token, told[its.token]),
            told[its.expires],
            self._open(its.refresh, told[its.refresh]),
            self._open(its.before, told[its.before]),
            told[its.stored],
            told[its.claim],
            told[its.trouble],
            row,
        )

    def _wanted(self) -> tuple[Column[Any], ...]:
        its = self.columns
        return (its.token, its.expires, its.refresh, its.before, its.stored, its.claim, its.trouble, *self.further)

    def _after(self, seconds: float) -> Any:
        return self._parts.clock.machine() + timedelta(seconds=seconds)


def pair(
    columns: Columns, secrets: Secrets, shop_id: int, given: Grant, spent: str | None, wire: float
) -> dict[str, Any]:
    """All that a new token changes, {column's name: value}: one statement, or a process could die between the halves.

    ``spent``: the refresh token that it was got with; ``wire``: now, in wire time.
    """

    def seal(column: Column[Any], text: str | None) -> str | None:
        return None if text is None else secrets.encrypt(shop_id, column.name, text)

    values: dict[Column[Any], Any] = {
        columns.token: seal(columns.token, given.token),
        columns.refresh: seal(columns.refresh, given.refresh),
        columns.before: seal(columns.before, spent),
        columns.expires: given.expires,
        columns.refresh_expires: given.refresh_expires,
        columns.stored: wire,
        columns.lease: None,
        columns.trouble: None,
    }
    if given.scopes:
        values[columns.scopes] = list(given.scopes)
    return {column.name: value for column, value in values.items()}
