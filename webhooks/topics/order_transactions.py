"""order_transactions/create: a payment of an order went through, waits, or failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import order_changes
from webhooks.topics.payload import Money, Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class TransactionPayload(Payload):
    id = identifier(required=True)
    order_id = identifier(required=True)
    kind = text(64)
    status = text(64)
    gateway = text(255)
    error_code = text(255)
    amount = Money(load_default=None, allow_none=True)
    currency = text(8)
    created_at = moment()
    processed_at = moment()


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    at = payload["processed_at"] or payload["created_at"] or delivery.happened_at
    order_changes.transacted(scope, payload["order_id"], payload, at)


TOPICS = (Topic("shopify", "order_transactions/create", "other", TransactionPayload, apply),)
