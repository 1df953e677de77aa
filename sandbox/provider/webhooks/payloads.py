"""Webhook bodies, field for field as public captures of the provider's webhooks show them.

Times are business time. `id` is the id of the webhook, the same in every body it sends; nothing in a body is
unique to the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from sandbox.provider import moments
from sandbox.provider.mailbox import Message
from sandbox.provider.phone.texts import Text

if TYPE_CHECKING:
    from sandbox.provider.campaigns import CampaignMail

Body = dict[str, Any]
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


def transactional(hook_id: int, message: Message, event: Body) -> Body:
    """The body for `event`: {"event", "at" business unix seconds, "reason"?, "link"?}."""
    name, at = event["event"], event["at"]
    known: Body = {
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
        "is_returnpath": event.get("is_returnpath", True),
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


# Event of a campaign -> what its body has beside the fields that all have.
CAMPAIGN_FIELDS: dict[str, tuple[str, ...]] = {
    "delivered": ("sending_ip",),
    "opened": (),
    "proxy_open": (),
    "click": ("URL",),
    "hard_bounced": ("reason", "sending_ip"),
    "soft_bounced": ("reason", "sending_ip"),
    "spam": ("reason",),
    "unsubscribe": ("list_id", "sending_ip"),
}


def campaign(hook_id: int, mail: CampaignMail, event: Body) -> Body:
    """`event` is {"event", "at" in business unix seconds, "reason"?, "link"?}."""
    name, at = event["event"], event["at"]
    known = {
        "sending_ip": SENDING_IP if name == "delivered" or "bounced" in name else READER_IP,
        "URL": event.get("link", ""),
        "reason": event.get("reason", ""),
        "list_id": mail.list_ids,
    }
    return {
        "id": hook_id,
        "camp_id": mail.campaign_id,
        "email": mail.to,
        "campaign name": mail.campaign,
        "date_sent": moments.webhook(mail.sent_at),
        "date_event": moments.webhook(at),
        "event": name,
        "tag": mail.tag,
        "ts_sent": int(mail.sent_at),
        "ts_event": int(at),
        "ts": int(at),
        **{field: known[field] for field in CAMPAIGN_FIELDS[name]},
    }


def sms(hook_id: int, credits: float, text: Text, event: Body) -> Body:
    """Without `event` and `email`, as the provider's are. `reply` beside the documented fields is a guess."""
    return {
        "id": hook_id,
        "to": text.number,
        "sms_count": text.parts,
        "credits_used": float(text.parts),
        "messageId": int(text.message_id),
        "remaining_credit": credits,
        "msg_status": event["event"],
        "date": moments.webhook(event["at"]),
        "type": text.kind,
        "reference": text.reference,
        **({"reply": event["reply"]} if "reply" in event else {}),
    }


def whatsapp(hook_id: int, credits: float, text: Text, event: Body) -> Body:
    """Nobody has published one: the fields are those of GET /whatsapp/statistics/events."""
    return {
        "id": hook_id,
        "contactNumber": text.number,
        "senderNumber": text.sender,
        "messageId": text.message_id,
        "event": event["event"],
        "date": moments.webhook(event["at"]),
        "ts": int(event["at"]),
        **({"reason": event["reason"]} if "reason" in event else {}),
        **({"body": event["reply"]} if "reply" in event else {}),
    }


def about(body: Body) -> Body:
    """What the log says of a body."""
    return {
        "event": body.get("event", body.get("msg_status")),
        "email": body.get("email", body.get("to", body.get("contactNumber"))),
        "message_id": body.get("message-id", body.get("messageId")),
    }


def contact(hook_id: int, event: str, email: str, at: float, key: str, **more: Any) -> Body:
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
