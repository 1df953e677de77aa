"""Access tokens as the store gives them: the four ways to ask for one, and what its answer means.

All go to ``POST https://{shop}/admin/oauth/access_token``. Sources: Shopify's pages on token exchange and offline
access tokens, and its library ``@shopify/shopify-api`` 15. Not Shopify's Python package: it reads its own clock,
repeats calls by itself and knows one host only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from connector import grants
from connector.clock import Clock
from connector.errors import ActionNeeded, OutcomeUnknown, RateLimited, Refused, Retry
from connector.grants import Grant
from connector.http import CallFailed, Http, NotSent
from connector.settings import Settings

PROVIDER = "shopify"
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105
_OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
# When an answer does not say: what a token of client credentials lives (wire seconds).
_DAY = 86_400.0


@dataclass(frozen=True)
class App:
    """Who asks: an app's client id and secret."""

    client_id: str
    secret: str = field(repr=False)


class TokenDesk:
    """Where one shop's tokens are asked for. ``domain``: name.myshopify.com, already checked.

    Every method raises

    * Retry and RateLimited: no token was given;
    * OutcomeUnknown: one may have been given, and nobody knows it;
    * Refused with the code ``invalid_grant``, ``invalid_subject_token`` or whatever the store says: what was shown is
      not good (any more);
    * ActionNeeded with the code ``invalid_client``: the app's credentials are wrong, or it is not installed there; or
      ``frozen``.
    """

    def __init__(self, domain: str, app: App, settings: Settings, http: Http, clock: Clock) -> None:
        self.domain = domain
        self._app = app
        self._settings = settings
        self._http = http
        self._clock = clock

    def exchange(self, session_token: str) -> Grant:
        """An expiring offline token for a session token that is less than a minute old (token exchange)."""
        return self._ask(
            grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
            subject_token=session_token,
            subject_token_type=_TOKEN_TYPE + "id_token",
            requested_token_type=_OFFLINE,
            expiring="1",
        )

    def redeem(self, code: str) -> Grant:
        """An expiring offline token for the code of an authorization (authorization code grant)."""
        return self._ask(code=code, expiring="1")

    def refresh(self, refresh_token: str) -> Grant:
        """The next pair."""
        return self._ask(grant_type="refresh_token", refresh_token=refresh_token)

    def client_credentials(self) -> Grant:
        """A token of an own-organisation app: it lives a day and has no refresh token."""
        given = self._ask(grant_type="client_credentials")
        if given.expires is not None:
            return given
        return Grant(given.token, given.scopes, self._clock.wire() + _DAY)

    def _ask(self, **asked: str) -> Grant:
        base = self._settings.shopify_base_url.replace("{shop}", self.domain)
        body = {"client_id": self._app.client_id, "client_secret": self._app.secret, **asked}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        began = self._clock.wire()
        try:
            answer = self._http.post_to_store(f"{base}/admin/oauth/access_token", headers, orjson.dumps(body))
        except NotSent as error:
            raise Retry(PROVIDER, str(error)) from error
        except CallFailed as error:
            raise OutcomeUnknown(PROVIDER, str(error)) from error
        said = grants.object_of(answer.body)
        if answer.status == 200:
            given = grants.read(said, began)
            if given is None:
                raise OutcomeUnknown(PROVIDER, "the answer holds no token", status=200)
            return given
        # The body of an error is not repeated: it is not known what a store would put into it.
        code = str(said.get("error") or "")[:100]
        if answer.status == 429:
            raise RateLimited(PROVIDER, "too many requests", status=429, after=self._wait(answer.headers))
        if answer.status >= 500:
            raise OutcomeUnknown(PROVIDER, "server error", status=answer.status)
        if answer.status in (402, 423):
            raise ActionNeeded(PROVIDER, "the store is frozen or locked", status=answer.status, code="frozen")
        if code == "invalid_client" or answer.status in (401, 403, 404):
            cure = "the app's client id and secret are not accepted, or it is not installed in this store"
            raise ActionNeeded(PROVIDER, cure, status=answer.status, code="invalid_client")
        raise Refused(PROVIDER, "no token is given for this", status=answer.status, code=code)

    def _wait(self, headers: Mapping[str, str]) -> float:
        try:
            wire = max(float(headers.get("retry-after", 1)), 0.0)
        except ValueError:
            wire = 1.0
        return wire / self._settings.wire_rate
