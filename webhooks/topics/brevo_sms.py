"""Brevo's webhooks of text messages. They name neither an event nor an email: ``msg_status`` and ``to`` do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync.reports import messages
from sync.reports.report import Report, message_id, number, tags
from webhooks.topics.brevo_payload import BrevoPayload, when
from webhooks.topics.topic import Delivery, Topic

# Where the answer of a person stands is not documented for the webhook; the statistics call it ``reply``.
_ANSWER = ("reply", "reply_text", "message", "text", "content", "body")


class SmsPayload(BrevoPayload):
    """``date`` has no zone. ``messageId`` is a number; ``reference`` is the one that the deprecated call answered."""

    msg_status = fields.String(load_default=None, allow_none=True)
    event = fields.String(load_default=None, allow_none=True)
    to = fields.Raw(load_default=None, allow_none=True)
    message_id = fields.Raw(load_default=None, allow_none=True, data_key="messageId")
    reference = fields.Raw(load_default=None, allow_none=True)
    reply = fields.Raw(load_default=None, allow_none=True)
    reply_text = fields.Raw(load_default=None, allow_none=True)
    message = fields.Raw(load_default=None, allow_none=True)
    text = fields.Raw(load_default=None, allow_none=True)
    content = fields.Raw(load_default=None, allow_none=True)
    body = fields.Raw(load_default=None, allow_none=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    messages.happened(
        scope,
        Report(
            channel="sms",
            word=(payload["msg_status"] or payload["event"] or "")[:64],
            at=when(payload, delivery.received_at),
            address=number(payload["to"]),
            message_id=message_id(payload["message_id"]) or message_id(payload["reference"]),
            tags=tags(payload["tags"], payload["tag"]),
            reason=payload["reason"],
            text=next((payload[name] for name in _ANSWER if isinstance(payload[name], str)), None),
        ),
    )


TOPICS = (Topic("brevo", "sms", "other", SmsPayload, apply),)
