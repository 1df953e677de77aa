"""How often somebody may try to sign in: counted by account and by address, so that nobody locks out anybody else.

Three counts, and the first that is full says no: tries at one account from one address, tries from one address, and
tries at one account from everywhere. The last would let a stranger lock out the owner of the account, so a browser in
which they have signed in before is not counted there but on its own: it shows a signed mark that it was given then.
Redis keeps the counts; without it each process keeps its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from itsdangerous import BadData, URLSafeSerializer
from redis import Redis

from connector.settings import Settings

PAIR = "6 per minute; 30 per hour"
ADDRESS = "60 per minute; 300 per hour"
ACCOUNT = "60 per hour"

_MARK_DAYS = 180
_SALT = "connector.admin.browser"

View = Callable[..., Any]


def _entered() -> str:
    return request.form.get("email", "")


def _plain(email: str) -> str:
    return email.strip().lower()[:400]


class Throttle:
    """Limits the tries at one application. ``redis``: where they are counted."""

    def __init__(self, app: Flask, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._cookie = "admin-browser" if settings.development else "__Host-admin-browser"
        self._limiter = Limiter(
            _client,
            strategy="moving-window",
            storage_uri="redis://",
            storage_options={"connection_pool": redis.connection_pool},  # type: ignore[dict-item]
            in_memory_fallback_enabled=True,
            key_prefix="admin",
        )
        self._limiter.init_app(app)

    def limited(self, view: View, email: Callable[[], str] = _entered) -> View:
        """The view, which takes the tries. ``email``: which account is tried; the form's field unless said."""

        def pair() -> str:
            return f"pair:{self._digest(_plain(email()))}:{_client()}"

        def account() -> str:
            return self._account(_plain(email()))

        for rule, key in ((PAIR, pair), (ADDRESS, _client), (ACCOUNT, account)):
            view = self._limiter.limit(rule, key_func=key)(view)
        return view

    def mark(self, response: Response, email: str) -> None:
        """Somebody has signed in to this account in this browser."""
        response.set_cookie(
            self._cookie,
            str(self._serializer.dumps(self._digest(email))),
            max_age=_MARK_DAYS * 86_400,
            secure=not self._settings.development,
            httponly=True,
            samesite="Lax",
            path="/",
        )

    def _account(self, email: str) -> str:
        account = self._digest(email)
        mark = request.cookies.get(self._cookie, "")
        try:
            known = self._serializer.loads(mark) == account
        except BadData:
            known = False
        return f"browser:{account}:{sha256(mark.encode()).hexdigest()}" if known else f"account:{account}"

    def _digest(self, email: str) -> str:
        """Of the account's address, which has no business in Redis and in cookies."""
        return hmac.new(self._settings.secret_keys[0].encode(), email.encode(), sha256).hexdigest()[:32]

    @property
    def _serializer(self) -> URLSafeSerializer:
        # itsdangerous signs with the last key and accepts any.
        keys = list(reversed(self._settings.secret_keys))
        return URLSafeSerializer(keys, salt=_SALT, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"})


def _client() -> str:
    """The address of who asks; of IPv6 the network, of which one person has all addresses."""
    text = request.remote_addr or "unknown"
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return text if address.version == 4 else address.exploded[:19]
