"""orders/create, updated, paid, cancelled: one shape, applied by its updated_at; since 2026-04 without
checkout_id, joined to its checkout by token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import orders
from webhooks.topics.payload import (
    BuyerPayload,
    LineItemPayload,
    Money,
    Payload,
    identifier,
    items,
    moment,
    text,
)
from webhooks.topics.topic import Delivery, Topic


class _DiscountCode(Payload):
    code = text(255)


class OrderPayload(BuyerPayload):
    id = identifier(required=True)
    name = text(255)
    email = text(320)
    contact_email = text(320)
    checkout_token = text(255)
    cart_token = text(255)
    buyer_accepts_marketing = fields.Boolean(load_default=False, allow_none=True)
    test = fields.Boolean(load_default=False, allow_none=True)
    source_name = text(255)
    created_at = moment()
    updated_at = moment()
    cancelled_at = moment()
    currency = text(8)
    total_price = Money(load_default=None, allow_none=True)
    current_total_price = Money(load_default=None, allow_none=True)
    financial_status = text(64)
    fulfillment_status = text(64)
    discount_codes = fields.List(fields.Nested(_DiscountCode), load_default=list)
    line_items = fields.List(
        fields.Nested(LineItemPayload), load_default=list, validate=validate.Length(max=20_000)
    )


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    orders.project(scope, payload, items(payload["line_items"]))


TOPICS = tuple(
    Topic("shopify", name, "commerce", OrderPayload, apply)
    for name in ("orders/create", "orders/updated", "orders/paid", "orders/cancelled")
)
