"""checkouts/*. Since 2026-04 they carry no id: a checkout is its token; a deletion names the cart only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import checkouts
from webhooks.topics.payload import URL, BuyerPayload, Money, Payload, items, lines, moment, text
from webhooks.topics.topic import Delivery, Topic


class CheckoutPayload(BuyerPayload):
    token = fields.String(required=True, validate=validate.Length(min=1, max=255))
    cart_token = text(255)
    email = text(320)
    buyer_accepts_marketing = fields.Boolean(load_default=False, allow_none=True)
    created_at = moment()
    updated_at = moment()
    completed_at = moment()
    currency = text(8)
    presentment_currency = text(8)
    total_price = Money(load_default=None, allow_none=True)
    abandoned_checkout_url = text(URL)
    line_items = lines()


class CheckoutDeletedPayload(Payload):
    token = text(255)
    cart_token = text(255)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    checkouts.project(scope, payload, items(payload["line_items"]))


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    checkouts.deleted(scope, payload["token"], payload["cart_token"], delivery.happened_at)


TOPICS = (
    Topic("shopify", "checkouts/create", "commerce", CheckoutPayload, apply),
    Topic("shopify", "checkouts/update", "commerce", CheckoutPayload, apply),
    Topic("shopify", "checkouts/delete", "commerce", CheckoutDeletedPayload, apply_deletion),
)
