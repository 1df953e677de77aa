"""Webhook registrations of the accounts, and which event goes to which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.provider import moments, payloads
from sandbox.provider.contacts import Contact
from sandbox.provider.deliveries import Deliveries
from sandbox.provider.mailbox import Message
from sandbox.provider.shapes import HOOK_CREATE, HOOK_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

MOST_HOOKS = 40
# Event in the body -> the names it can be registered under. The provider has no registration name for
# `error` and for opens by a proxy; here they follow `invalid` and the opens.
REGISTERED_AS = {
    "request": {"request", "sent"},
    "delivered": {"delivered"},
    "hard_bounce": {"hardBounce"},
    "soft_bounce": {"softBounce"},
    "blocked": {"blocked"},
    "complaint": {"spam"},
    "invalid_email": {"invalid"},
    "error": {"invalid"},
    "deferred": {"deferred"},
    "click": {"click"},
    "opened": {"opened"},
    "unique_opened": {"uniqueOpened"},
    "proxy_open": {"opened"},
    "unique_proxy_open": {"uniqueOpened"},
    "unsubscribed": {"unsubscribed"},
    "unsubscribe": {"unsubscribed"},
    "contact_updated": {"contactUpdated"},
    "contact_deleted": {"contactDeleted"},
    "list_addition": {"listAddition"},
}
ALLOWED = {
    "transactional": {
        "sent", "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred",
        "click", "opened", "uniqueOpened", "unsubscribed",
    },
    "marketing": {
        "spam", "opened", "click", "hardBounce", "softBounce", "unsubscribed", "listAddition", "delivered",
        "contactUpdated", "contactDeleted",
    },
}  # fmt: skip


@dataclass
class Hook:
    id: int
    url: str
    type: str
    events: list[str]
    created_at: float
    modified_at: float
    description: str = ""
    auth: dict[str, str] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "events": self.events,
            "type": self.type,
            "batched": False,
            "auth": self.auth,
            "headers": self.headers,
            "createdAt": moments.api(self.created_at),
            "modifiedAt": moments.api(self.modified_at),
        }

    def request_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "provider-sandbox"}
        if self.auth.get("token"):
            headers["Authorization"] = f"Bearer {self.auth['token']}"
        return headers | {pair["key"]: pair["value"] for pair in self.headers if "key" in pair and "value" in pair}


class Webhooks:
    """Hands events to the deliveries of every hook that asked for them."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def message_event(self, account: Account, message: Message, event: dict[str, Any]) -> None:
        for hook in self._asking(account, "transactional", event["event"]):
            self._send(account, hook, payloads.transactional(hook.id, message, event))

    def unsubscribed(self, account: Account, contact: Contact, at: float) -> None:
        """A marketing unsubscription: the contact leaves the newsletter for good."""
        email = contact.identifiers.get("EMAIL", "")
        for hook in self._asking(account, "marketing", "unsubscribe"):
            self._send(account, hook, payloads.marketing_unsubscribe(hook.id, email, sorted(contact.list_ids), at))

    def contact_updated(self, account: Account, contact: Contact, changed: dict[str, Any], at: float) -> None:
        self._contact(account, contact, "contact_updated", at, content=[changed])

    def contact_deleted(self, account: Account, contact: Contact, at: float) -> None:
        self._contact(account, contact, "contact_deleted", at, list_id=sorted(contact.list_ids))

    def list_addition(self, account: Account, contact: Contact, list_id: int, at: float) -> None:
        self._contact(account, contact, "list_addition", at, list_id=[list_id])

    def _contact(self, account: Account, contact: Contact, event: str, at: float, **more: Any) -> None:
        email = contact.identifiers.get("EMAIL", "")
        for hook in self._asking(account, "marketing", event):
            body = payloads.contact(
                hook.id, event, email, at, account.organisation, **more, api_key_name=account.api_key_name
            )
            self._send(account, hook, body)

    def _asking(self, account: Account, type: str, event: str) -> list[Hook]:
        names = REGISTERED_AS[event]
        with account.lock:
            return [hook for hook in account.hooks.values() if hook.type == type and names & set(hook.events)]

    def _send(self, account: Account, hook: Hook, body: dict[str, Any]) -> None:
        self._deliveries.webhook(account, hook.id, hook.url, hook.request_headers(), body)


def _check(body: dict[str, Any], type: str) -> None:
    if "url" in body:
        parts = urlsplit(body["url"])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid("url is invalid")
    if type == "inbound" or body.get("channel") == "sms" or body.get("batched"):
        raise invalid("The sandbox has no inbound, SMS or batched webhooks")
    wrong = set(body.get("events", [])) - ALLOWED[type]
    if wrong:
        raise invalid(f"events for a {type} webhook cannot have {sorted(wrong)[0]}")
    if body.get("auth") and (body["auth"].get("type") != "bearer" or not body["auth"].get("token")):
        raise invalid("auth should have type bearer and a token")


def list_hooks(call: Call) -> Answer:
    type = call.one("type", "transactional")
    if type not in (*ALLOWED, "inbound"):
        raise invalid("type is invalid")
    with call.account.lock:
        rows = [hook.as_json() for hook in call.account.hooks.values() if hook.type == type]
    if call.one("sort") != "asc":
        rows.reverse()
    return Answer(200, {"webhooks": rows})


def create_hook(call: Call) -> Answer:
    body, account = call.body, call.account
    type = body.get("type", "transactional")
    _check(body, type)
    if not body.get("events"):
        raise missing("events is missing")
    with account.lock:
        if len(account.hooks) >= MOST_HOOKS:
            raise Refusal(400, "invalid_parameter", f"At most {MOST_HOOKS} webhooks can be created")
        hook = Hook(account.new_hook_id(), body["url"], type, body["events"], call.now, call.now)
        account.hooks[hook.id] = hook
        _write(hook, body, call.now)
    return Answer(201, {"id": hook.id})


def _write(hook: Hook, body: dict[str, Any], now: float) -> None:
    for name in ("url", "events", "description", "auth", "headers"):
        if name in body:
            setattr(hook, name, body[name])
    hook.modified_at = now


def _existing(call: Call) -> Hook:
    id = call.path["webhook_id"]
    hook = call.account.hooks.get(int(id)) if id.isdigit() else None
    if hook is None:
        raise not_found("Webhook ID does not exist")
    return hook


def get_hook(call: Call) -> Answer:
    with call.account.lock:
        return Answer(200, _existing(call).as_json())


def update_hook(call: Call) -> Answer:
    with call.account.lock:
        hook = _existing(call)
        _check(call.body, hook.type)
        _write(hook, call.body, call.now)
    return Answer(204)


def delete_hook(call: Call) -> Answer:
    with call.account.lock:
        del call.account.hooks[_existing(call).id]
    return Answer(204)


ROUTES = [
    Route("GET", "/webhooks", list_hooks),
    Route("POST", "/webhooks", create_hook, HOOK_CREATE),
    Route("GET", "/webhooks/<webhook_id>", get_hook),
    Route("PUT", "/webhooks/<webhook_id>", update_hook, HOOK_UPDATE),
    Route("DELETE", "/webhooks/<webhook_id>", delete_hook),
]
