"""OAuth at Brevo: sending a merchant there to be asked, proving what comes back, and the desk where tokens are given.

A public app (PKCE, RFC 7636, S256): it has no secret. The state carries all that the answer needs, sealed: whose shop,
who asked, when, and the verifier. So nothing is stored until Brevo has given a token, and a code that somebody else
asked for is of no use here. Sources: Brevo's pages on OAuth (2026) and its scopes; RFC 6749.
"""

from __future__ import annotations

import secrets as chance
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import orjson
from redis import Redis
from redis.exceptions import RedisError

from connector import grants
from connector.brevo.verdicts import PROVIDER
from connector.clock import Clock
from connector.errors import ActionNeeded, ConfigurationError, InvalidInput, OutcomeUnknown, RateLimited, Refused, Retry
from connector.grants import Grant
from connector.http import CallFailed, Http, NotSent
from connector.secrets import Secrets
from connector.settings import Settings

CALLBACK = "/brevo/callback"
STATE_SECONDS = 1800.0
"""Real seconds from the page with the button to the answer."""
COMMAND = "command"
"""Who asked, when it was somebody at a terminal."""

_SEALED = "brevo_state"


@dataclass(frozen=True)
class Question:
    """What a state says. ``actor``: who asked, as the audit log has it, or COMMAND."""

    shop_id: int
    actor: str
    verifier: str = field(repr=False)


class NotOurs(InvalidInput):
    """This is not the answer to a question of ours, or it comes too late."""


def authorize_url(settings: Settings, secrets: Secrets, shop_id: int, actor: str, now: float) -> str:
    """Where the merchant is asked. ``now``: real time, unix seconds. Raises ConfigurationError: there is no app."""
    if not settings.brevo_app_client_id:
        raise ConfigurationError("BREVO_APP_CLIENT_ID: is required to connect Brevo without an API key; none is set")
    verifier = chance.token_urlsafe(48)
    asked = {
        "response_type": "code",
        "client_id": settings.brevo_app_client_id,
        "redirect_uri": redirect_uri(settings),
        "scope": " ".join(settings.brevo_scopes),
        "state": _state(secrets, Question(shop_id, actor, verifier), now),
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{settings.brevo_oauth_url}/authorize?{urlencode(asked)}"


def redirect_uri(settings: Settings) -> str:
    """The one address that the app is registered with."""
    return f"{settings.public_url}{CALLBACK}"


def challenge(verifier: str) -> str:
    """S256 of RFC 7636."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _state(secrets: Secrets, question: Question, now: float) -> str:
    said = orjson.dumps([question.actor, question.verifier, now]).decode()
    return f"{question.shop_id}.{secrets.encrypt(question.shop_id, _SEALED, said)}"


def read_state(secrets: Secrets, state: str, now: float) -> Question:
    """The question that this is the state of. ``now``: real time, unix seconds. Raises NotOurs."""
    number, _, sealed = state.partition(".")
    try:
        said = orjson.loads(secrets.decrypt(int(number), _SEALED, sealed))
    except (ValueError, ConfigurationError):
        raise NotOurs("nobody here asked for this") from None
    match said:
        case [str(actor), str(verifier), int() | float() as at]:
            if not 0 <= now - at <= STATE_SECONDS:
                raise NotOurs("this took too long")
            return Question(int(number), actor, verifier)
    raise NotOurs("nobody here asked for this")


def use_once(redis: Redis, state: str) -> None:
    """Raises NotOurs for whoever comes second with this state.

    A form that is sent twice would show its code twice, and a server may take that for theft and end the access. In
    Redis, because nothing worse follows when it forgets.
    """
    key = f"brevo:agreed:{sha256(state.encode()).hexdigest()}"
    try:
        first = redis.set(key, 1, nx=True, ex=int(STATE_SECONDS))
    except RedisError:
        return
    if not first:
        raise NotOurs("this has been finished already")


class TokenDesk:
    """Where the app's tokens are given: ``POST {BREVO_OAUTH_URL}/token``."""

    def __init__(self, settings: Settings, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock

    def redeem(self, code: str, verifier: str) -> Grant:
        """The first pair, for the code of an authorization.

        Raises Refused (the code is used up or too old, or offline access was not granted), ActionNeeded, Retry,
        OutcomeUnknown.
        """
        uri = redirect_uri(self._settings)
        given = self._ask(grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=uri)
        if given.refresh is None:
            words = "Brevo gave no refresh token: offline_access must be among BREVO_SCOPES and among those of the app"
            raise Refused(PROVIDER, words, status=200, code="no_refresh_token")
        return given

    def refresh(self, refresh_token: str) -> Grant:
        """The next pair; without a refresh token when the old one goes on. Raises as ``redeem`` does."""
        return self._ask(grant_type="refresh_token", refresh_token=refresh_token)

    def _ask(self, **asked: str) -> Grant:
        body = urlencode({"client_id": self._settings.brevo_app_client_id, **asked}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        began = self._clock.wire()
        try:
            answer = self._http.post_to_provider(f"{self._settings.brevo_oauth_url}/token", headers, body)
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
        raise self._refusal(answer.status, said, answer.headers)

    def _refusal(self, status: int, said: Mapping[str, Any], headers: Mapping[str, str]) -> Exception:
        """The body of an error is not repeated: it is not known what may stand in it."""
        code = str(said.get("error") or "")[:100]
        if status == 429:
            return RateLimited(PROVIDER, "too many requests", status=429, after=self._wait(headers))
        if status >= 500:
            return OutcomeUnknown(PROVIDER, "server error", status=status)
        if code in ("invalid_client", "unauthorized_client"):
            return ActionNeeded(PROVIDER, "the app is not known: check BREVO_APP_CLIENT_ID", status=status, code=code)
        if code in ("invalid_grant", "invalid_request", "invalid_scope", "unsupported_grant_type"):
            return Refused(PROVIDER, "no token is given for this", status=status, code=code)
        # An edge in front of the server: nothing was said of the token.
        return Retry(PROVIDER, "no readable answer", status=status, code=code)

    def _wait(self, headers: Mapping[str, str]) -> float:
        try:
            wire = max(float(headers.get("retry-after", 1)), 0.0)
        except ValueError:
            wire = 1.0
        return wire / self._settings.wire_rate
