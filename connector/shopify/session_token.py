"""Session tokens: Shopify's word, one minute long, that this user of this shop has our page open in the admin.

A JWT signed with the app's secret by HS256. It comes as ``id_token`` with a document and as ``Authorization: Bearer``
with a fetch. The signature and the form of the claims are PyJWT's business; the times are compared with the clock that
is passed in, the rest is compared here. Source of the claims: Shopify's library ``@shopify/shopify-api`` 15,
``session/decode-session-token``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from connector.errors import InvalidInput
from connector.settings import Settings

# Seconds by which the platform's clock and ours may differ.
LEEWAY = 10.0
RETRY_HEADER = "X-Shopify-Retry-Invalid-Session-Request"
"""On a 401 to a fetch with the value 1: App Bridge gets a new token and repeats the fetch."""

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\.myshopify\.com\Z")
_LONGEST = 4096
_KEY_LENGTH = 32
_CLAIMS = ("iss", "dest", "aud", "sub", "exp", "nbf")


class NotASession(InvalidInput):
    """This is no session token of our app, or not any more. ``expired``: a new one is all that is needed."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True)
class Session:
    """Who has the page open. ``shop``: name.myshopify.com, lower case; ``user_id``: the store's number of the user;
    ``expires``: real time, unix seconds; ``session_id``: the same for all tokens of one login, "" when not told.
    """

    shop: str
    user_id: str
    expires: float
    session_id: str = ""


def verify(token: str, settings: Settings, now: float) -> Session:
    """What the token says, once it is proven. ``now``: real time, unix seconds (``Clock.machine``): the
    token names moments of the platform's calendar, not lengths that a test may shorten.

    While the app's secret is being changed a token that is signed with the old one is believed too.

    Raises NotASession.
    """
    claims = _claims(token, settings)
    try:
        begins, ends = float(claims["nbf"]), float(claims["exp"])
    except (TypeError, ValueError, OverflowError):
        raise NotASession("the session token's times are no numbers") from None
    if not begins - LEEWAY <= now:
        raise NotASession("the session token is not valid yet")
    if not now < ends + LEEWAY:
        raise NotASession("the session token has expired", expired=True)
    shop = _host(claims["dest"])
    if shop is None or not _DOMAIN.match(shop):
        raise NotASession("the session token is for no shop")
    if _host(claims["iss"]) != shop:
        raise NotASession("the session token was issued by another shop than it is for")
    user = claims["sub"]
    if not isinstance(user, str) or not user.isdecimal():
        raise NotASession("the session token names no user")
    return Session(shop, user, ends, str(claims.get("sid") or ""))


def _claims(token: str, settings: Settings) -> Mapping[str, Any]:
    if not settings.shopify_api_key or not settings.shopify_api_secret:
        raise NotASession("SHOPIFY_API_KEY and SHOPIFY_API_SECRET are not set: no session can be proven")
    if not token or len(token) > _LONGEST:
        raise NotASession("there is no session token")
    problem: jwt.PyJWTError | None = None
    for secret in (settings.shopify_api_secret, settings.shopify_api_secret_old):
        if not secret:
            continue
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                # HMAC itself fills a short key with zeros, so this changes nothing but PyJWT's advice to take a longer
                # one: the secret is Shopify's choice.
                secret.encode().ljust(_KEY_LENGTH, b"\0"),
                # Named, or the token itself would choose how it is checked.
                algorithms=["HS256"],
                audience=settings.shopify_api_key,
                options={
                    "require": list(_CLAIMS),
                    "strict_aud": True,
                    # By our clock, above: PyJWT would read its own.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError as error:
            problem = error
        except jwt.PyJWTError as error:
            raise NotASession(f"this is no session token of this app ({type(error).__name__})") from error
        else:
            return claims
    raise NotASession("the session token is not signed with this app's secret") from problem


def _host(address: Any) -> str | None:
    """The host of ``https://host/...``; None when it is anything else."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or port is not None or parts.username is not None:
        return None
    return parts.hostname
