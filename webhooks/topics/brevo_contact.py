"""Brevo's webhooks of contacts: changed, deleted, put on a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import people
from sync.reports import contacts
from sync.reports.contacts import ContactReport
from sync.reports.words import spelled
from webhooks.topics.brevo_payload import BrevoPayload, when
from webhooks.topics.payload import text
from webhooks.topics.topic import Delivery, Topic


class ContactPayload(BrevoPayload):
    """``content``: a list of objects with what is different now. ``api_key_name`` is there since 2026-11-01."""

    event = fields.String(required=True)
    email = text(320)
    content = fields.Raw(load_default=None, allow_none=True)
    list_ids = fields.Raw(load_default=None, allow_none=True, data_key="list_id")
    key_name = fields.Raw(load_default=None, allow_none=True, data_key="api_key_name")


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    email = people.normal_email(payload["email"])
    if email is None:
        # A contact with a number only: nobody here is known by one.
        return
    content, lists = payload["content"], payload["list_ids"]
    changed: dict[str, Any] = {}
    for one in content if isinstance(content, list) else [content]:
        changed |= one if isinstance(one, dict) else {}
    contacts.told(
        scope,
        ContactReport(
            event=spelled(payload["event"]),
            email=email,
            at=when(payload, delivery.received_at),
            changed=changed,
            list_ids=tuple(one for one in (lists if isinstance(lists, list) else [lists]) if _is_id(one)),
            key_name=payload["key_name"] if isinstance(payload["key_name"], str) else None,
        ),
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TOPICS = (Topic("brevo", "contact", "other", ContactPayload, apply),)
