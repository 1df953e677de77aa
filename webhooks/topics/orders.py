"""orders/*: the whole order in one shape, applied by its updated_at; edits and deletions tell hardly more than its id.

Since 2026-04 without checkout_id: joined to its checkout by token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, missing, validate

from connector.scope import Scope
from sync import fulfillments, order_changes, orders
from webhooks.topics.fulfillments import EmbeddedFulfillmentPayload
from webhooks.topics.payload import (
    URL,
    AddressPayload,
    BuyerPayload,
    Money,
    Payload,
    identifier,
    items,
    lines,
    moment,
    text,
)
from webhooks.topics.refunds import RefundPayload, refund
from webhooks.topics.topic import Delivery, Topic

_PARTS = validate.Length(max=1_000)


class _DiscountCode(Payload):
    code = text(255)


class _ShippingLine(Payload):
    delivery_category = text(64)


class OrderPayload(BuyerPayload):
    id = identifier(required=True)
    name = text(255)
    email = text(320)
    contact_email = text(320)
    checkout_token = text(255)
    cart_token = text(255)
    buyer_accepts_marketing = fields.Boolean(load_default=False, allow_none=True)
    test = fields.Boolean(load_default=None, allow_none=True)
    source_name = text(255)
    created_at = moment()
    updated_at = moment()
    cancelled_at = moment()
    currency = text(8)
    total_price = Money(load_default=None, allow_none=True)
    current_total_price = Money(load_default=None, allow_none=True)
    financial_status = text(64)
    # Null is an answer of these two (nothing fulfilled, open again); left out, they say nothing.
    fulfillment_status = fields.String(allow_none=True, validate=validate.Length(max=64))
    closed_at = moment(load_default=missing)
    discount_codes = fields.List(fields.Nested(_DiscountCode), load_default=None, allow_none=True, validate=_PARTS)
    order_status_url = text(URL)
    payment_gateway_names = fields.List(text(255), load_default=None, allow_none=True, validate=_PARTS)
    billing_address = fields.Nested(AddressPayload, load_default=None, allow_none=True)
    shipping_address = fields.Nested(AddressPayload, load_default=missing, allow_none=True)
    shipping_lines = fields.List(fields.Nested(_ShippingLine), load_default=None, allow_none=True, validate=_PARTS)
    refunds = fields.List(fields.Nested(RefundPayload), load_default=list, allow_none=True, validate=_PARTS)
    fulfillments = fields.List(
        fields.Nested(EmbeddedFulfillmentPayload), load_default=list, allow_none=True, validate=_PARTS
    )
    line_items = lines()


class _OrderEdit(Payload):
    id = identifier(required=True)
    order_id = identifier(required=True)
    created_at = moment()
    committed_at = moment()


class OrderEditedPayload(Payload):
    order_edit = fields.Nested(_OrderEdit, required=True)


class OrderDeletedPayload(Payload):
    id = identifier(required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    refunds = [refund(one) for one in payload["refunds"] or ()]
    told = {**payload, "refunds": refunds, "delivery_method": delivery_method(payload)}
    orders.project(scope, told, items(payload["line_items"]))
    for parcel in payload["fulfillments"] or ():
        fulfillments.project(scope, payload["id"], parcel, None)


def delivery_method(payload: Mapping[str, Any]) -> str | None:
    """delivery, pick_up (at the shop) or none (nothing is sent); None when the payload does not tell.

    The store's word for it (`delivery_category`) is mostly null, also of what is picked up: such an order has no
    address to be sent to. Where addresses are withheld from the app, the one of the bill is null too, and nothing can
    be told.
    """
    chosen = payload["shipping_lines"]
    if chosen is None or "shipping_address" not in payload:
        return None
    if payload["shipping_address"] is not None:
        return "pick_up" if any("pickup" in (one["delivery_category"] or "") for one in chosen) else "delivery"
    if payload["billing_address"] is None:
        return None
    return "pick_up" if chosen else "none"


def apply_edit(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    edit = payload["order_edit"]
    at = edit["committed_at"] or edit["created_at"] or delivery.happened_at
    order_changes.edited(scope, edit["order_id"], edit["id"], at)


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    order_changes.deleted(scope, payload["id"], delivery.happened_at)


WHOLE = (
    "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled",
    "orders/partially_fulfilled",
)  # fmt: skip
TOPICS = (
    *(Topic("shopify", name, "commerce", OrderPayload, apply) for name in WHOLE),
    Topic("shopify", "orders/edited", "commerce", OrderEditedPayload, apply_edit),
    Topic("shopify", "orders/delete", "commerce", OrderDeletedPayload, apply_deletion),
)
