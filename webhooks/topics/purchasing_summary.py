"""customers/purchasing_summary: the store's own count of a customer's orders, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import customer_signs
from webhooks.topics.payload import GlobalId, Money, Payload, count
from webhooks.topics.topic import Delivery, Topic


class _Amount(Payload):
    amount = Money(load_default=None, allow_none=True)


class PurchasingSummaryPayload(Payload):
    customer_id = GlobalId("Customer", required=True, data_key="customerId")
    number_of_orders = count(data_key="numberOfOrders")
    amount_spent = fields.Nested(_Amount, load_default=None, allow_none=True, data_key="amountSpent")


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    spent = payload["amount_spent"] or {}
    customer_signs.summed_up(scope, payload["customer_id"], payload["number_of_orders"], spent.get("amount"))


TOPICS = (Topic("shopify", "customers/purchasing_summary", "other", PurchasingSummaryPayload, apply),)
