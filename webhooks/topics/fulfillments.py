"""fulfillments/* and fulfillment_events/create: parcels of an order, and what their carriers report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import fulfillments
from webhooks.topics.payload import URL, Payload, identifier, items, lines, moment, text
from webhooks.topics.topic import Delivery, Topic


class EmbeddedFulfillmentPayload(Payload):
    """A fulfilment as orders list them too."""

    id = identifier(required=True)
    status = text(64)
    shipment_status = text(64)
    created_at = moment()
    updated_at = moment()
    tracking_company = text(255)
    tracking_number = text(255)
    tracking_url = text(URL)


class FulfillmentPayload(EmbeddedFulfillmentPayload):
    order_id = identifier(required=True)
    line_items = lines()


class FulfillmentEventPayload(Payload):
    id = identifier(required=True)
    fulfillment_id = identifier(required=True)
    order_id = identifier(required=True)
    status = fields.String(required=True, validate=validate.Length(max=64))
    happened_at = moment()
    estimated_delivery_at = moment()
    created_at = moment()


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    fulfillments.project(scope, payload["order_id"], payload, items(payload["line_items"]))


def apply_event(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    at = payload["happened_at"] or payload["created_at"] or delivery.happened_at
    expected = payload["estimated_delivery_at"]
    fulfillments.moved(scope, payload["order_id"], payload["fulfillment_id"], payload["status"], at, expected)


TOPICS = (
    Topic("shopify", "fulfillments/create", "other", FulfillmentPayload, apply),
    Topic("shopify", "fulfillments/update", "other", FulfillmentPayload, apply),
    Topic("shopify", "fulfillment_events/create", "other", FulfillmentEventPayload, apply_event),
)
