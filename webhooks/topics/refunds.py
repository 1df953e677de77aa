"""refunds/create: money given back for an order. Orders list their refunds in the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import order_changes
from sync.order_events import Refund
from webhooks.topics.payload import Money, Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class _Transaction(Payload):
    kind = text(64)
    status = text(64)
    amount = Money(load_default=None, allow_none=True)


class RefundPayload(Payload):
    id = identifier(required=True)
    created_at = moment()
    processed_at = moment()
    transactions = fields.List(
        fields.Nested(_Transaction), load_default=None, allow_none=True, validate=validate.Length(max=1_000)
    )


class OrderRefundPayload(RefundPayload):
    order_id = identifier(required=True)


def refund(told: Mapping[str, Any]) -> Refund:
    """A refund as the order keeps it: what was paid back or is on its way."""
    at = told["processed_at"] or told["created_at"]
    if told["transactions"] is None:
        return Refund(told["id"], None, at)
    given = [
        one["amount"]
        for one in told["transactions"]
        if one["kind"] == "refund" and one["status"] not in ("failure", "error") and one["amount"] is not None
    ]
    return Refund(told["id"], sum(given, Decimal(0)), at)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    order_changes.refunded(scope, payload["order_id"], refund(payload), delivery.happened_at)


TOPICS = (Topic("shopify", "refunds/create", "other", OrderRefundPayload, apply),)
