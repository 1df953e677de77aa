"""customers_whats_app_marketing_consent/update: the store's word on a customer's consent to WhatsApp messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import customers
from webhooks.topics.payload import Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class _State(Payload):
    state = text(64)
    opt_in_level = text(64)
    updated_at = moment()


class WhatsAppConsentPayload(Payload):
    customer_id = identifier(required=True)
    phone_number = text(64)
    whats_app_marketing_consent = fields.Nested(_State, load_default=None, allow_none=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    told = payload["whats_app_marketing_consent"]
    if told is None or told["state"] is None:
        return
    customers.agreed_by_phone(
        scope,
        customers.known(scope, payload["customer_id"], None),
        "whatsapp",
        payload["phone_number"],
        told["state"],
        told["opt_in_level"],
        told["updated_at"] or delivery.triggered_at,
    )


TOPICS = (Topic("shopify", "customers_whats_app_marketing_consent/update", "commerce", WhatsAppConsentPayload, apply),)
