"""API keys and access tokens: whose they are, how long they live, what they may do.

Chosen where the documentation is silent: a key that has expired or was deleted is answered as one that never was
("Key not found"); a token says "Invalid or expired token"; a call that carries both a key and a token is refused, so
that nobody writes to one account while meaning another; the resource of a permission is found by the call's path, and
a permission that is missing is answered 403.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING

from sandbox.provider.wire import Refusal

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

# Path -> the resource that a permission names.
_RESOURCES = {
    "/account": "account",
    "/organization": "account",
    "/senders": "account",
    "/contacts": "contacts",
    "/processes": "contacts",
    "/events": "events",
    "/orders": "ecommerce",
    "/products": "ecommerce",
    "/categories": "ecommerce",
    "/ecommerce": "ecommerce",
    "/webhooks": "webhooks",
    "/smtp": "transactional.email",
    "/transactionalSMS": "transactional.sms",
    "/whatsapp": "transactional.whatsapp",
    "/whatsappCampaigns": "campaigns.whatsapp",
}
RESOURCES = frozenset({*_RESOURCES.values(), "loyalty", "objects", "campaigns.email", "campaigns.sms"})
_ONLY_READS = frozenset({"/smtp/template/preview"})
UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address {ip}. If you performed this action make sure to add "
    "the new IP address in this link: https://app.brevo.com/security/authorised_ips"
)


def permission_of(method: str, path: str) -> str | None:
    """`contacts:read` for GET /contacts; `:write` does not include `:read`. None: no permission is needed."""
    resource = _RESOURCES.get("/" + path.split("/")[1])
    reads = method in ("GET", "HEAD") or path in _ONLY_READS
    return f"{resource}:{'read' if reads else 'write'}" if resource else None


@dataclass
class Credential:
    """A key, or an access token. `expires_at` is wire time; `permissions` None: everything is allowed.

    `name` is what contact webhooks call the writer (`api_key_name`).
    """

    account: Account
    name: str
    is_token: bool = False
    permissions: frozenset[str] | None = None
    expires_at: float | None = None
    revoked: bool = False

    def lives(self, wire: float) -> bool:
        return not self.revoked and (self.expires_at is None or wire < self.expires_at)

    def check(self, method: str, path: str, peer: str, wire: float) -> None:
        """Raises Refusal: 401 when this opens nothing (any more), 403 when it does not open this."""
        if not self.lives(wire):
            raise _unauthorized("Invalid or expired token" if self.is_token else "Key not found")
        if self.account.settings.block_unknown_ip:
            raise _unauthorized(UNKNOWN_IP.format(ip=peer))
        wanted = permission_of(method, path)
        if self.permissions is not None and wanted and wanted not in self.permissions:
            what = "access token" if self.is_token else "API key"
            resource = wanted.partition(":")[0]
            raise Refusal(
                403,
                "permission_denied",
                f'Access denied for resource "{resource}". The {what} does not include the required permission '
                f'"{wanted}"',
            )


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "unauthorized", message)


class Credentials:
    def __init__(self) -> None:
        self._known: dict[str, Credential] = {}
        self._lock = threading.Lock()

    def put(self, secret: str, credential: Credential) -> None:
        with self._lock:
            self._known[secret] = credential

    def get(self, secret: str) -> Credential | None:
        return self._known.get(secret)

    def tokens(self, account: Account) -> list[Credential]:
        with self._lock:
            return [one for one in self._known.values() if one.is_token and one.account is account]

    def of_request(self, headers: Message) -> Credential:
        """Who calls. Raises Refusal (401) for a stranger."""
        key, bearer = headers.get("api-key"), headers.get("Authorization", "")
        if key and bearer:
            raise _unauthorized("Either an api-key or an access token should be passed, not both")
        scheme, _, token = bearer.partition(" ")
        if not key and scheme.lower() != "bearer":
            raise _unauthorized("authentication not found in headers")
        found = self.get(key or token.strip())
        if found is None or found.is_token == bool(key):
            raise _unauthorized("Key not found" if key else "Invalid or expired token")
        return found
