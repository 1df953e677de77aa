"""The access tokens of one shop: what was issued, what is still good for what, and who was told.

Lifetimes are in seconds of wire time. The rules are those of the platform since 2026-08-28:

* An access token of a pair lives for 60 minutes, its refresh token for 90 days. Refreshing gives a new pair.
* A refresh token that was used may be used again until its replacement is first used, for 30 days after its own first
  use, and never past its own 90 days.
* There is one active expiring token for an app and a shop: acquiring one ends all that were there before.
* A non-expiring token that is migrated dies at once; the migration may be repeated for seven days, with the same pair
  for an answer, until that pair is refreshed or replaced.

What the rules leave open is in `Rules`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 90 * 86_400
RETRY_SECONDS = 30 * 86_400
MIGRATION_SECONDS = 7 * 86_400
DAY_SECONDS = 86_399  # of online tokens and client credentials, as the platform's answers have it


class Refused(Exception):
    """The token endpoint's answer to what it does not take: an OAuth error code and a sentence."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass
class Rules:
    """What the documentation leaves open. `retry`: a refresh token that is used again is answered with `new_pair` (the
    earlier replacement, still unused, dies) or `same_pair`. `old_access`: the access token of the pair that is
    refreshed `dies` at once or `lives` to its end."""

    retry: str = "new_pair"
    old_access: str = "dies"

    def __post_init__(self) -> None:
        if self.retry not in ("new_pair", "same_pair") or self.old_access not in ("dies", "lives"):
            raise ValueError("retry is new_pair or same_pair, old_access dies or lives")


@dataclass(eq=False)
class Token:
    """One token, or pair, that was issued. `kind`: fixed, offline, expiring, online or client_credentials.

    `parent` is the pair whose refresh token it replaces. `delivered` is False when the answer was cut off.
    """

    number: int
    kind: str
    grant: str
    client_id: str
    scope: tuple[str, ...]
    access_token: str
    issued_at: float
    access_expires_at: float | None = None
    refresh_token: str | None = None
    refresh_expires_at: float | None = None
    parent: Token | None = field(default=None, repr=False)
    user: dict[str, Any] | None = None
    delivered: bool = False
    access_first_used: float | None = None
    refresh_first_used: float | None = None
    access_ended: str | None = None
    refresh_ended: str | None = None
    # A migrated token remembers the pair that it became, and when.
    became: Token | None = field(default=None, repr=False)
    migrated_at: float | None = None

    def end(self, why: str) -> None:
        self.access_ended = self.access_ended or why
        self.refresh_ended = self.refresh_ended or why

    def opens(self, now: float) -> bool:
        """Whether the access token is good at wire time `now`."""
        return self.access_ended is None and (self.access_expires_at is None or now < self.access_expires_at)

    def refreshes(self, now: float) -> bool:
        """Whether the refresh token is good at wire time `now`; its own replacement's use has ended it by then."""
        if self.refresh_expires_at is None or self.refresh_ended is not None or now >= self.refresh_expires_at:
            return False
        return self.refresh_first_used is None or now <= self.refresh_first_used + RETRY_SECONDS


class TokenBook:
    """All tokens of one shop. Whoever calls holds the shop's lock. `now` is wire time."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.rules = Rules()
        self.tokens: list[Token] = []
        self.refused = 0

    # Issuing

    def fix(self, access_token: str, client_id: str, scope: tuple[str, ...], now: float) -> Token:
        """A token that the merchant was shown in the admin: it never expires."""
        found = Token(len(self.tokens) + 1, "fixed", "admin", client_id, scope, access_token, now, delivered=True)
        self.tokens.append(found)
        return found

    def issue(self, kind: str, grant: str, client_id: str, scope: tuple[str, ...], now: float, **more: Any) -> Token:
        """A token from an acquisition by the app: `kind` is offline, expiring, online or client_credentials."""
        if kind == "offline":
            same = next((one for one in self.tokens if one.kind == kind and one.client_id == client_id), None)
            if same is not None and same.opens(now):
                return same
        if kind == "expiring":
            for one in self._pairs(client_id):
                one.end("replaced by a later acquisition")
        return self._new(kind, grant, client_id, scope, now, **more)

    def refresh(self, refresh_token: str, client_id: str, now: float) -> Token:
        """A new pair for a refresh token. Raises Refused."""
        pair = next((one for one in self._pairs(client_id) if one.refresh_token == refresh_token), None)
        if pair is None or not pair.refreshes(now):
            self.refused += 1
            raise Refused("invalid_grant", "The refresh token is expired, revoked or retired")
        if pair.refresh_first_used is None:
            pair.refresh_first_used = now
            if pair.parent is not None:
                pair.parent.end("its replacement was used")
        else:
            earlier = next(one for one in reversed(self.tokens) if one.parent is pair)
            if self.rules.retry == "same_pair":
                return _extended(earlier, now)
            earlier.end("replaced before it was used")
        if self.rules.old_access == "dies":
            pair.access_ended = pair.access_ended or "refreshed"
        return self._new("expiring", "refresh_token", client_id, pair.scope, now, parent=pair)

    def migrate(self, access_token: str, client_id: str, now: float) -> Token:
        """A pair for a non-expiring token, which dies. Raises Refused."""
        old = next((one for one in self.tokens if one.access_token == access_token), None)
        if old is None or old.kind not in ("fixed", "offline") or old.client_id != client_id:
            raise Refused("invalid_subject_token", "The subject token is no offline token of this app")
        if old.opens(now):
            old.became = self.issue("expiring", "migration", client_id, old.scope, now)
            old.migrated_at = now
            old.end("migrated")
            return old.became
        pair = old.became
        repeatable = pair is not None and pair.refresh_first_used is None and pair.refreshes(now)
        if pair is None or not repeatable or now > (old.migrated_at or 0.0) + MIGRATION_SECONDS:
            raise Refused("invalid_subject_token", "The subject token is expired or revoked")
        return _extended(pair, now)

    # Using and ending

    def use(self, access_token: str, now: float) -> Token | None:
        """The token by which somebody calls, when it is good; remembers the first time."""
        found = next((one for one in self.tokens if one.access_token == access_token), None)
        if found is None or not found.opens(now):
            return None
        found.access_first_used = now if found.access_first_used is None else found.access_first_used
        return found

    def expire(self, what: str, now: float) -> int:
        """End the lifetime of all access, refresh or both kinds of tokens that could expire; returns how many."""
        if what not in ("access", "refresh", "both"):
            raise ValueError("what is access, refresh or both")
        count = 0
        for one in self.tokens:
            if what != "refresh" and one.access_expires_at is not None and one.opens(now):
                one.access_expires_at = now
                count += 1
            if what != "access" and one.refreshes(now):
                one.refresh_expires_at = now
                count += 1
        return count

    def end_all(self, why: str) -> None:
        for one in self.tokens:
            one.end(why)

    # Telling

    def locked_out(self, now: float) -> bool:
        """Whether the app was given pairs, and no refresh token that ever reached it is good any more."""
        pairs = [one for one in self.tokens if one.kind == "expiring"]
        return bool(pairs) and not any(one.refreshes(now) for one in pairs if one.delivered)

    def journal(self, now: float) -> list[dict[str, Any]]:
        """Every token in the order of issue, with what is known of it. Times are wire seconds."""
        return [
            {
                "number": one.number,
                "kind": one.kind,
                "grant": one.grant,
                "client_id": one.client_id,
                "scope": ",".join(one.scope),
                "access_token": one.access_token,
                "refresh_token": one.refresh_token,
                "parent": one.parent.number if one.parent else None,
                "issued_at": one.issued_at,
                "access_expires_at": one.access_expires_at,
                "refresh_expires_at": one.refresh_expires_at,
                "delivered": one.delivered,
                "access_first_used": one.access_first_used,
                "refresh_first_used": one.refresh_first_used,
                "access_ended": one.access_ended,
                "refresh_ended": one.refresh_ended,
                "opens": one.opens(now),
                "refreshes": one.refreshes(now),
            }
            for one in self.tokens
        ]

    def _pairs(self, client_id: str) -> list[Token]:
        return [one for one in self.tokens if one.kind == "expiring" and one.client_id == client_id]

    def _new(self, kind: str, grant: str, client_id: str, scope: tuple[str, ...], now: float, **more: Any) -> Token:
        number = len(self.tokens) + 1
        value = hashlib.sha256(f"{self._seed}:{number}".encode()).hexdigest()
        found = Token(number, kind, grant, client_id, scope, f"shpat_{value[:32]}", now, **more)
        if kind == "expiring":
            found.access_expires_at = now + ACCESS_SECONDS
            found.refresh_token = f"shprt_{value[32:]}"
            found.refresh_expires_at = now + REFRESH_SECONDS
        elif kind != "offline":
            found.access_expires_at = now + DAY_SECONDS
        self.tokens.append(found)
        return found


def _extended(pair: Token, now: float) -> Token:
    """The same pair again: its access token lives anew when it had run out, its refresh token does not."""
    if not pair.opens(now) and pair.access_ended is None:
        pair.access_expires_at = now + ACCESS_SECONDS
    return pair
