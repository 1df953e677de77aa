"""customer.tags_added and customer.tags_removed: what staff, apps and the store's own rules say of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import customer_signs
from webhooks.topics.payload import GlobalId, Payload, moment
from webhooks.topics.topic import Delivery, Topic


class TagsPayload(Payload):
    customer_id = GlobalId("Customer", required=True, data_key="customerId")
    tags = fields.List(
        fields.String(validate=validate.Length(min=1, max=255)), required=True, validate=validate.Length(max=250)
    )
    occurred_at = moment(data_key="occurredAt")


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    at = payload["occurred_at"] or delivery.happened_at
    added = delivery.topic == "customer.tags_added"
    customer_signs.tagged(scope, payload["customer_id"], payload["tags"], at, added=added)


TOPICS = tuple(
    Topic("shopify", name, "other", TagsPayload, apply) for name in ("customer.tags_added", "customer.tags_removed")
)
