"""Brevo's marketing webhooks: what became of an email of a campaign that the merchant sent there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import people
from sync.reports import messages
from sync.reports.report import Report, tags
from webhooks.topics.brevo_payload import BrevoPayload, when
from webhooks.topics.payload import URL, text
from webhooks.topics.topic import Delivery, Topic


class MarketingPayload(BrevoPayload):
    """``URL`` is what was clicked. The campaign's name and segments are not read: its id names it."""

    event = fields.String(required=True, validate=validate.Length(min=1, max=64))
    email = text(320)
    campaign = fields.Raw(load_default=None, allow_none=True, data_key="camp_id")
    url = text(URL, data_key="URL")
    link = text(URL)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    # ts is an hour off in Brevo's own examples: ts_event goes before it.
    messages.happened(
        scope,
        Report(
            channel="email",
            word=payload["event"],
            at=when(payload, delivery.received_at),
            address=people.normal_email(payload["email"]),
            tags=tags(payload["tags"], payload["tag"]),
            link=payload["url"] or payload["link"] or "",
            reason=payload["reason"],
            campaign=str(payload["campaign"] or "unknown")[:64],
        ),
    )


TOPICS = (Topic("brevo", "marketing", "other", MarketingPayload, apply),)
