"""The provider's authorization server: `/oauth/authorize`, `token`, `revoke`, `introspect`.

RFC 6749, 7636, 7009 and 7662. Public apps only: no client secret, PKCE with S256 required. Codes work once, for a
minute; access tokens live an hour and refresh tokens 30 days, all on the wire clock; a refresh token is given only
for the scope `offline_access`.

Chosen where the documentation is silent: every refresh brings a new refresh token and ends the old one; a code that is
used twice ends the tokens that it brought; scopes of an app that it did not register are `invalid_scope`; who is asked
for consent is the account named by `login_hint`, else the one signed in by `POST /_control/consent`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.provider.access.credentials import RESOURCES, Credential
from sandbox.provider.wire import Answer, page

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform

CODE_SECONDS, ACCESS_SECONDS, REFRESH_SECONDS = 60.0, 3600.0, 30 * 86400.0
OFFLINE = "offline_access"
SCOPES = frozenset({f"{resource}:{act}" for resource in RESOURCES for act in ("read", "write")} | {OFFLINE, "openid"})
Form = dict[str, str]


@dataclass(frozen=True)
class App:
    """`access_seconds` and `refresh_seconds` are wire seconds, for tests that cannot wait."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    access_seconds: float
    refresh_seconds: float


@dataclass
class Grant:
    """What one consent of an account brought; `refresh` is the one refresh token that still works."""

    app: App
    account: Account
    scopes: frozenset[str]
    refresh: str | None = None
    refresh_until: float = 0.0
    access: list[Credential] = field(default_factory=list)
    ended: bool = False

    def end(self) -> None:
        self.ended, self.refresh = True, None
        for credential in self.access:
            credential.revoked = True


@dataclass
class Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    until: float
    used: bool = False


class Denied(Exception):
    """An error answer of the token endpoint."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.answer = Answer(status, {"error": error, "error_description": description})


class Oauth:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.RLock()
        self._apps: dict[str, App] = {}
        self._codes: dict[str, Code] = {}
        # Every refresh token ever given, so that an old one is told from a stranger's.
        self._refreshes: dict[str, Grant] = {}
        self._numbers = itertools.count(1)
        self._signed_in: str | None = None
        self._approves = True
        self._calls: dict[tuple[str, str], Callable[[Form], Answer]] = {
            ("GET", "authorize"): self._authorize,
            ("POST", "token"): self._token,
            ("POST", "revoke"): self._revoke,
            ("POST", "introspect"): self._introspect,
        }

    # Control

    def register(self, description: dict[str, Any]) -> None:
        """`{"client_id", "name", "redirect_uris", "scopes", "access_seconds", "refresh_seconds"}`; raises ValueError.

        Without `scopes` the app has all that there are.
        """
        scopes = frozenset(description.get("scopes", SCOPES))
        if not scopes <= SCOPES:
            raise ValueError(f"unknown scope {sorted(scopes - SCOPES)[0]!r}")
        client_id = description["client_id"]
        self._apps[client_id] = App(
            client_id,
            description.get("name", client_id),
            tuple(description["redirect_uris"]),
            scopes,
            float(description.get("access_seconds", ACCESS_SECONDS)),
            float(description.get("refresh_seconds", REFRESH_SECONDS)),
        )

    def consent(self, account: str | None, approve: bool) -> None:
        self._signed_in, self._approves = account, approve

    def expire(self, account: Account, *, refresh: bool) -> None:
        """Ends the access tokens of an account; with `refresh` the refresh tokens too, as a merchant does."""
        with self._lock:
            for credential in self._platform.credentials.tokens(account):
                credential.revoked = True
            for grant in self._refreshes.values():
                if refresh and grant.account is account:
                    grant.end()

    # Calls

    def answer(self, method: str, path: str, form: Form) -> tuple[Answer, dict[str, Any]]:
        """The answer to a call under /oauth/, and what the log says of it."""
        name = path.removeprefix("/oauth/")
        call = self._calls.get((method, name))
        about: dict[str, Any] = {"call": name, "grant": form.get("grant_type"), "client_id": form.get("client_id")}
        if call is None:
            return Answer(404, {"error": "not_found"}), about
        try:
            with self._lock:
                answer = call(form)
        except Denied as denied:
            answer = denied.answer
        error = answer.body.get("error") if isinstance(answer.body, dict) else None
        return answer, {**about, "outcome": error or "ok"}

    def account_of(self, form: Form) -> str | None:
        """The account that a code or a refresh token is about, for the rules of faults."""
        code, grant = self._codes.get(form.get("code", "")), self._refreshes.get(form.get("refresh_token", ""))
        found = code.grant if code else grant
        return found.account.key if found else None

    def _authorize(self, form: Form) -> Answer:
        app, back = self._apps.get(form.get("client_id", "")), form.get("redirect_uri", "")
        if app is None or back not in app.redirect_uris:
            # Never redirect to an address that nobody registered.
            what = "Client not found" if app is None else "Invalid parameter: redirect_uri"
            return page(400, f"<h1>We are sorry...</h1><p>{html.escape(what)}</p>")
        error = self._why_not(app, form)
        account = self._platform.accounts.get(form.get("login_hint") or self._signed_in)
        if error is None and account is None:
            return page(401, "<h1>Sign in</h1><p>No account is signed in: POST /_control/consent</p>")
        given: dict[str, str] = {"state": form["state"]} if "state" in form else {}
        if error or account is None:
            given |= {"error": error or "access_denied"}
        else:
            grant = Grant(app, account, frozenset(form["scope"].split()))
            code = self._secret("code", app.client_id)
            until = self._platform.clock.wire() + CODE_SECONDS
            self._codes[code] = Code(grant, back, form["code_challenge"], until)
            given |= {"code": code}
        joint = "&" if urlsplit(back).query else "?"
        return Answer(302, headers={"Location": f"{back}{joint}{urlencode(given)}"})

    def _why_not(self, app: App, form: Form) -> str | None:
        if form.get("response_type") != "code":
            return "unsupported_response_type"
        if form.get("code_challenge_method") != "S256" or not form.get("code_challenge"):
            return "invalid_request"
        scopes = set(form.get("scope", "").split())
        if not scopes or not scopes <= app.scopes:
            return "invalid_scope"
        return None if self._approves else "access_denied"

    def _token(self, form: Form) -> Answer:
        app = self._apps.get(form.get("client_id", ""))
        if app is None:
            raise Denied("invalid_client", "Invalid client or Invalid client credentials", 401)
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(app, form)
            case "refresh_token":
                return self._refresh(app, form)
        raise Denied("unsupported_grant_type", "Unsupported grant_type")

    def _redeem(self, app: App, form: Form) -> Answer:
        code = self._codes.get(form.get("code", ""))
        if code is None or code.grant.app is not app:
            raise Denied("invalid_grant", "Code not valid")
        if code.used:
            code.grant.end()
            raise Denied("invalid_grant", "Code not valid")
        code.used = True
        if self._platform.clock.wire() >= code.until:
            raise Denied("invalid_grant", "Code is expired")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Denied("invalid_grant", "Incorrect redirect_uri")
        if challenge(form.get("code_verifier", "")) != code.challenge:
            raise Denied("invalid_grant", "PKCE verification failed")
        return self._give(code.grant)

    def _refresh(self, app: App, form: Form) -> Answer:
        token = form.get("refresh_token", "")
        grant = self._refreshes.get(token)
        if grant is None or grant.app is not app or grant.ended:
            raise Denied("invalid_grant", "Token is not active")
        if grant.refresh != token or self._platform.clock.wire() >= grant.refresh_until:
            raise Denied("invalid_grant", "Token is not active")
        return self._give(grant)

    def _give(self, grant: Grant) -> Answer:
        wire = self._platform.clock.wire()
        access = self._secret("access", grant.account.key)
        credential = Credential(
            grant.account,
            grant.app.name,
            is_token=True,
            permissions=grant.scopes,
            expires_at=wire + grant.app.access_seconds,
        )
        self._platform.credentials.put(access, credential)
        grant.access.append(credential)
        body = {
            "access_token": access,
            "expires_in": int(grant.app.access_seconds),
            "token_type": "Bearer",
            "scope": " ".join(sorted(grant.scopes)),
        }
        if OFFLINE in grant.scopes:
            grant.refresh = self._secret("refresh", grant.account.key)
            grant.refresh_until = wire + grant.app.refresh_seconds
            self._refreshes[grant.refresh] = grant
            body |= {"refresh_token": grant.refresh, "refresh_expires_in": int(grant.app.refresh_seconds)}
        return Answer(200, body, {"Cache-Control": "no-store"})

    def _revoke(self, form: Form) -> Answer:
        """Also a token that nobody knows is answered 200, as RFC 7009 asks."""
        token = form.get("token", "")
        grant, credential = self._refreshes.get(token), self._platform.credentials.get(token)
        if grant:
            grant.end()
        if credential and credential.is_token:
            credential.revoked = True
        return Answer(200, {})

    def _introspect(self, form: Form) -> Answer:
        token, wire = form.get("token", ""), self._platform.clock.wire()
        grant, credential = self._refreshes.get(token), self._platform.credentials.get(token)
        if credential and credential.is_token and credential.lives(wire):
            scope = " ".join(sorted(credential.permissions or ()))
            return Answer(200, {"active": True, "scope": scope, "token_type": "Bearer"})
        if grant and grant.refresh == token and wire < grant.refresh_until:
            return Answer(200, {"active": True, "scope": " ".join(sorted(grant.scopes)), "token_type": "Refresh"})
        return Answer(200, {"active": False})

    def _secret(self, *of: str) -> str:
        """Unguessable enough for a sandbox, and the same when a world is played again."""
        mark = "\0".join((*of, str(next(self._numbers))))
        return hashlib.blake2b(mark.encode(), digest_size=24).hexdigest()


def challenge(verifier: str) -> str:
    """S256 of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def read_form(content_type: str, body: bytes) -> Form:
    """Only a form is understood; anything else is an empty one."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
