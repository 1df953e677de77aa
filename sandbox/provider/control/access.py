"""Control of who may call: keys, apps, consent; and of what is in the DNS of a domain."""

from __future__ import annotations

from typing import Any

from sandbox.provider.opening import add_domain, add_key
from sandbox.provider.platform import Platform

Body = dict[str, Any]


class AccessControl:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def add_key(self, body: Body) -> None:
        row = dict(body)
        add_key(self._platform, self._platform.accounts.named(row.pop("account")), row)

    def revoke_key(self, body: Body) -> None:
        credential = self._platform.credentials.get(body["key"])
        if credential is None:
            raise ValueError("no such key")
        credential.revoked = True

    def register_app(self, body: Body) -> None:
        self._platform.oauth.register(body)

    def consent(self, body: Body) -> None:
        """Who is signed in at the provider's pages, and whether they agree."""
        account = self._platform.accounts.named(body["account"]).key if body.get("account") else None
        self._platform.oauth.consent(account, bool(body.get("approve", True)))

    def expire(self, body: Body) -> None:
        """The access tokens of an account end now; with `refresh` the refresh tokens too."""
        account = self._platform.accounts.named(body["account"])
        self._platform.oauth.expire(account, refresh=bool(body.get("refresh", False)))

    def set_domain(self, body: Body) -> None:
        """What is in the DNS of a domain, from now on."""
        row = dict(body)
        account = self._platform.accounts.named(row.pop("account"))
        with account.lock:
            add_domain(account, row, self._platform.clock.now())
