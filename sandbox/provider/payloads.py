"""Webhook bodies, field for field as public captures of the provider's webhooks show them.

Times are business time. `id` is the id of the webhook, the same in every body it sends; nothing in a body is
unique to the event.
"""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.provider import moments
from sandbox.provider.mailbox import Message

SENDING_IP, READER_IP = "127.0.0.1", "127.0.0.2"

_ALWAYS = ("id", "email", "message-id", "date", "event")
_TIMES = ("ts_event", "ts", "ts_epoch")
_TAGS = ("tags", "tag")
# Event -> its fields. `template_id`, `X-Mailin-custom` and the tags appear only where the message has them.
FIELDS: dict[str, tuple[str, ...]] = {
    "request": (*_ALWAYS, *_TIMES, *_TAGS, "subject", "sending_ip", "reason", "X-Mailin-custom",
    "template_id"), "delivered": (*_ALWAYS, *_TIMES, *_TAGS, "subject", "sending_ip", "reason",
    "X-Mailin-custom", "template_id"), "opened": (*_ALWAYS, *_TIMES, *_TAGS, "subject", "sending_ip", "link",
    "X-Mailin-custom", "template_id"), "unique_opened": (*_ALWAYS, *_TIMES, *_TAGS, "subject", "sending_ip",
    "link", "X-Mailin-custom", "template_id"), "click": (*_ALWAYS, *_TIMES, *_TAGS, "subject", "sending_ip",
    "link", "X-Mailin-custom", "template_id"), "unsubscribed": (*_ALWAYS, *_TIMES, *_TAGS, "subject",
    "is_returnpath", "X-Mailin-custom", "template_id"), "hard_bounce": (*_ALWAYS, *_TIMES, *_TAGS, "subject",
    "sending_ip", "reason", "X-Mailin-custom", "template_id"), "blocked": (*_ALWAYS, *_TIMES, *_TAGS,
    "subject", "reason", "X-Mailin-custom", "template_id"), "soft_bounce": (
        *_ALWAYS, "ts", "ts_event", "subject", "X-Mailin-custom", "sending_ip", "template_id", "tags",
        "reason",
    ),
    "deferred": (
        *_ALWAYS, *_TIMES, "subject", "X-Mailin-custom", "sending_ip", "template_id", "tags", "reason",
    ),
    "complaint": (*_ALWAYS, "ts", "ts_event", "X-Mailin-custom", "tags"),
    "error": (*_ALWAYS, *_TIMES, "subject", "X-Mailin-custom", "template_id", "tags"),
    "invalid_email": (*_ALWAYS, *_TIMES, "subject", "X-Mailin-custom", "template_id", "tags"),
    "proxy_open": (*_ALWAYS, "subject", "tag", "sending_ip", "s_epoch", "template_id"),
    "unique_proxy_open": (*_ALWAYS, "subject", "tag", "sending_ip", "s_epoch", "template_id"),
}  # fmt: skip
READING = frozenset({"opened", "unique_opened", "click", "proxy_open", "unique_proxy_open"})


def transactional(hook_id: int, message: Message, event: dict[str, Any]) -> dict[str, Any]:
    """The body for `event`: {"event", "at" business unix seconds, "reason"?, "link"?}."""
    name, at = event["event"], event["at"]
    known: dict[str, Any] = {
        "id": hook_id,
        "email": message.to,
        "message-id": message.message_id,
        "date": moments.webhook(at),
        "event": name,
        "ts": int(at),
        "ts_event": int(at),
        "ts_epoch": int(at * 1000),
        "s_epoch": int(at * 1000),
        "subject": message.subject,
        "sending_ip": READER_IP if name in READING else SENDING_IP,
        "reason": event.get("reason", "sent"),
        "link": event.get("link", ""),
        "is_returnpath": True,
    }
    if message.tags:
        known["tags"] = message.tags
        # A JSON string of the list, except where the provider's own example shows the list itself.
        known["tag"] = message.tags if "proxy" in name else orjson.dumps(message.tags).decode()
    if message.custom is not None:
        known["X-Mailin-custom"] = message.custom
    if message.template_id is not None:
        known["template_id"] = message.template_id
    return {field: known[field] for field in FIELDS[name] if field in known}


def marketing_unsubscribe(hook_id: int, email: str, list_ids: list[int], at: float) -> dict[str, Any]:
    return {
        "id": hook_id,
        "camp_id": 1,
        "email": email,
        "campaign name": "Newsletter",
        "date_sent": moments.webhook(at),
        "date_event": moments.webhook(at),
        "event": "unsubscribe",
        "tag": "",
        "ts_sent": int(at),
        "ts_event": int(at),
        "ts": int(at),
        "list_id": list_ids,
        "sending_ip": READER_IP,
    }


def contact(hook_id: int, event: str, email: str, at: float, key: str, **more: Any) -> dict[str, Any]:
    """contact_updated (`content`), contact_deleted and list_addition (`list_id`)."""
    return {
        "id": hook_id,
        "email": email,
        "event": event,
        "key": key,
        "date": moments.webhook(at),
        "ts": int(at),
        **more,
    }
