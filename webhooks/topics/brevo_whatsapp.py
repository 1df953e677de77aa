"""Brevo's webhooks of WhatsApp messages. Their bodies are not documented: they are read by the fields that Brevo's
statistics of WhatsApp have, in both spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync.reports import messages
from sync.reports.report import Report, message_id, number, tags
from webhooks.topics.brevo_payload import BrevoPayload, when
from webhooks.topics.topic import Delivery, Topic


class WhatsappPayload(BrevoPayload):
    event = fields.String(load_default=None, allow_none=True)
    contact = fields.Raw(load_default=None, allow_none=True, data_key="contactNumber")
    contact_too = fields.Raw(load_default=None, allow_none=True, data_key="contact_number")
    message_id = fields.Raw(load_default=None, allow_none=True, data_key="messageId")
    message_id_too = fields.Raw(load_default=None, allow_none=True, data_key="message_id")
    body = fields.Raw(load_default=None, allow_none=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    messages.happened(
        scope,
        Report(
            channel="whatsapp",
            word=(payload["event"] or "")[:64],
            at=when(payload, delivery.received_at),
            address=number(payload["contact"]) or number(payload["contact_too"]),
            message_id=message_id(payload["message_id"]) or message_id(payload["message_id_too"]),
            tags=tags(payload["tags"], payload["tag"]),
            reason=payload["reason"],
            text=payload["body"] if isinstance(payload["body"], str) else None,
        ),
    )


TOPICS = (Topic("brevo", "whatsapp", "other", WhatsappPayload, apply),)
