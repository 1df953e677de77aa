"""draft_orders/*: an order that staff prepare, send for payment and turn into an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import draft_orders
from webhooks.topics.payload import URL, BuyerPayload, Money, Payload, identifier, items, lines, moment, text
from webhooks.topics.topic import Delivery, Topic


class DraftOrderPayload(BuyerPayload):
    id = identifier(required=True)
    name = text(255)
    email = text(320)
    status = text(64)
    currency = text(8)
    total_price = Money(load_default=None, allow_none=True)
    invoice_url = text(URL)
    invoice_sent_at = moment()
    created_at = moment()
    updated_at = moment()
    completed_at = moment()
    order_id = identifier(load_default=None, allow_none=True)
    line_items = lines()


class DraftOrderDeletedPayload(Payload):
    id = identifier(required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    draft_orders.told(scope, payload, items(payload["line_items"]) or [])


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    draft_orders.deleted(scope, payload["id"], delivery.happened_at)


TOPICS = (
    Topic("shopify", "draft_orders/create", "other", DraftOrderPayload, apply),
    Topic("shopify", "draft_orders/update", "other", DraftOrderPayload, apply),
    Topic("shopify", "draft_orders/delete", "other", DraftOrderDeletedPayload, apply_deletion),
)
