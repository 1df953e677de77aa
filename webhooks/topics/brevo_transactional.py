"""Brevo's transactional webhooks: what became of an email."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import people
from sync.reports import messages
from sync.reports.report import Report, message_id, tags
from webhooks.topics.brevo_payload import BrevoPayload, when
from webhooks.topics.payload import URL, text
from webhooks.topics.topic import Delivery, Topic


class TransactionalPayload(BrevoPayload):
    """``id`` is the webhook's, the same in every body, and ``contact_id`` 0 means that there is no contact: neither is
    read."""

    event = fields.String(required=True, validate=validate.Length(min=1, max=64))
    email = text(320)
    message_id = fields.String(load_default=None, allow_none=True, data_key="message-id")
    custom = fields.String(load_default=None, allow_none=True, data_key="X-Mailin-custom")
    link = text(URL)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    messages.happened(
        scope,
        Report(
            channel="email",
            word=payload["event"],
            at=when(payload, delivery.received_at),
            address=people.normal_email(payload["email"]),
            message_id=message_id(payload["message_id"]),
            custom=payload["custom"],
            tags=tags(payload["tags"], payload["tag"]),
            link=payload["link"] or "",
            reason=payload["reason"],
        ),
    )


TOPICS = (Topic("brevo", "transactional", "other", TransactionalPayload, apply),)
