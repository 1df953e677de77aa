"""Brevo's transactional webhooks: what became of an email. They carry neither signature nor event id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, pre_load, validate

from connector.scope import Scope
from sync import messages
from webhooks.topics.payload import TEXT, URL, Payload, text
from webhooks.topics.topic import Delivery, Topic


class TransactionalPayload(Payload):
    """Times: ``ts_epoch`` (milliseconds; some samples carry seconds) and ``ts_event`` (seconds) are UTC,
    ``date`` follows the account's zone and is not read."""

    event = fields.String(required=True, validate=validate.Length(min=1, max=64))
    email = text(320)
    message_id = fields.String(load_default=None, allow_none=True, data_key="message-id")
    custom = fields.String(load_default=None, allow_none=True, data_key="X-Mailin-custom")
    ts_epoch = fields.Float(load_default=None, allow_none=True)
    ts_event = fields.Float(load_default=None, allow_none=True)
    ts = fields.Float(load_default=None, allow_none=True)
    link = text(URL)
    reason = fields.String(load_default=None, allow_none=True)

    @pre_load
    def _shorten(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        # The far server's words: of any length, and never a reason to lose the event.
        reason = data.get("reason")
        return {**data, "reason": reason[:TEXT]} if isinstance(reason, str) else data


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    messages.happened(scope, payload, received_at=delivery.received_at)


TOPICS = (Topic("brevo", "transactional", "other", TransactionalPayload, apply),)
