"""customers_email_marketing_consent/update: the store's word on a customer's email consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import consent, customers
from webhooks.topics.payload import Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class _State(Payload):
    state = fields.String(required=True)
    opt_in_level = text(64)
    consent_updated_at = moment()


class EmailConsentPayload(Payload):
    customer_id = identifier(required=True)
    email_address = text(320)
    email_marketing_consent = fields.Nested(_State, required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    person_id = customers.known(scope, payload["customer_id"], payload["email_address"])
    told = payload["email_marketing_consent"]
    consent.record(
        scope,
        person_id,
        "email",
        customers.consent_state(told["state"]),
        source="shopify",
        evidence_at=told["consent_updated_at"] or delivery.triggered_at,
        level=told["opt_in_level"],
        evidence={"raw": delivery.external_id},
    )


TOPICS = (Topic("shopify", "customers_email_marketing_consent/update", "commerce", EmailConsentPayload, apply),)
