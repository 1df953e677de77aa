"""The webhooks that an account has registered: /webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.provider import moments
from sandbox.provider.shapes import HOOK_CREATE, HOOK_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

MOST_HOOKS = 40
# By type and channel. WhatsApp's are registered in the provider's application only (POST /_control/hooks).
ALLOWED = {
    ("transactional", "email"): {
        "sent", "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred",
        "click", "opened", "uniqueOpened", "unsubscribed",
    },
    ("transactional", "sms"): {
        "sent", "delivered", "hardBounce", "softBounce", "blocked", "unsubscribed", "reply",
    },
    ("marketing", "email"): {
        "spam", "opened", "click", "hardBounce", "softBounce", "unsubscribed", "listAddition", "delivered",
        "contactUpdated", "contactDeleted",
    },
    ("transactional", "whatsapp"): {"sent", "delivered", "read", "error", "unsubscribe", "reply", "soft-bounce"},
}  # fmt: skip


@dataclass
class Hook:
    id: int
    url: str
    type: str
    channel: str
    events: list[str]
    created_at: float
    modified_at: float
    description: str = ""
    batched: bool = False
    auth: dict[str, str] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "events": self.events,
            "type": self.type,
            "batched": self.batched,
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


def _check(body: dict[str, Any], type: str, channel: str) -> None:
    if "url" in body:
        parts = urlsplit(body["url"])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid("url is invalid")
    if type == "inbound":
        raise invalid("The sandbox has no inbound webhooks")
    if (type, channel) not in ALLOWED:
        raise invalid(f"There are no {type} webhooks of the channel {channel}")
    wrong = set(body.get("events", [])) - ALLOWED[type, channel]
    if wrong:
        raise invalid(f"events for a {type} webhook cannot have {sorted(wrong)[0]}")
    if body.get("auth") and (body["auth"].get("type") != "bearer" or not body["auth"].get("token")):
        raise invalid("auth should have type bearer and a token")


def list_hooks(call: Call) -> Answer:
    type = call.one("type", "transactional")
    if type not in ("transactional", "marketing", "inbound"):
        raise invalid("type is invalid")
    with call.account.lock:
        rows = [hook.as_json() for hook in call.account.hooks.values() if hook.type == type]
    if call.one("sort") != "asc":
        rows.reverse()
    return Answer(200, {"webhooks": rows})


def register(call: Call, channel: str) -> int:
    """The id of the new webhook. Raises Refusal."""
    body, account = call.body, call.account
    type = body.get("type", "transactional")
    _check(body, type, channel)
    if not body.get("events"):
        raise missing("events is missing")
    with account.lock:
        if len(account.hooks) >= MOST_HOOKS:
            raise Refusal(400, "invalid_parameter", f"At most {MOST_HOOKS} webhooks can be created")
        hook = Hook(account.new_hook_id(), body["url"], type, channel, body["events"], call.now, call.now)
        account.hooks[hook.id] = hook
        _write(hook, body, call.now)
    return hook.id


def create_hook(call: Call) -> Answer:
    return Answer(201, {"id": register(call, call.body.get("channel", "email"))})


def _write(hook: Hook, body: dict[str, Any], now: float) -> None:
    for name in ("url", "events", "description", "batched", "auth", "headers"):
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
        _check(call.body, hook.type, hook.channel)
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
