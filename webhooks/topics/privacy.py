"""customers/data_request, customers/redact, shop/redact: what the law asks for. Carried out by a worker, see
``sync.privacy``; here it is only noted, so that it cannot be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync.privacy import requests
from sync.privacy.traces import Named
from webhooks.topics.payload import Payload, identifier, text
from webhooks.topics.topic import Delivery, Topic

_ORDERS = validate.Length(max=100_000)


class _Customer(Payload):
    id = identifier(load_default=None, allow_none=True)
    email = text(320)
    phone = text(64)


class _AboutCustomer(Payload):
    customer = fields.Nested(_Customer, required=True)


class DataRequestPayload(_AboutCustomer):
    orders_requested = fields.List(identifier(), load_default=list, allow_none=True, validate=_ORDERS)


class RedactPayload(_AboutCustomer):
    orders_to_redact = fields.List(identifier(), load_default=list, allow_none=True, validate=_ORDERS)


class ShopRedactPayload(Payload):
    shop_domain = text(255)


def _named(payload: Mapping[str, Any], orders: str) -> Named:
    customer = payload["customer"]
    return Named(customer["id"], customer["email"], customer["phone"], tuple(payload[orders] or ()))


def apply_data_request(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    named = _named(payload, "orders_requested")
    requests.ask(scope, "data_request", named, reference=delivery.external_id)


def apply_redact(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    requests.ask(scope, "redact", _named(payload, "orders_to_redact"), reference=delivery.external_id)


def apply_shop_redact(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    requests.ask(scope, "shop_redact", Named(), reference=delivery.external_id)


TOPICS = (
    Topic("shopify", "customers/data_request", "commerce", DataRequestPayload, apply_data_request, after_removal=True),
    Topic("shopify", "customers/redact", "commerce", RedactPayload, apply_redact, after_removal=True),
    Topic("shopify", "shop/redact", "commerce", ShopRedactPayload, apply_shop_redact, after_removal=True),
)
