"""Webhook topics by the names that deliveries carry, and as the Admin API's enum spells them."""

from __future__ import annotations

import re

TOPICS = (
    "app/scopes_update",
    "app/uninstalled",
    "bulk_operations/finish",
    "carts/create",
    "carts/update",
    "checkouts/create",
    "checkouts/delete",
    "checkouts/update",
    "collections/create",
    "collections/delete",
    "collections/update",
    "customer.joined_segment",
    "customer.left_segment",
    "customer.tags_added",
    "customer.tags_removed",
    "customers/create",
    "customers/delete",
    "customers/disable",
    "customers/enable",
    "customers/merge",
    "customers/purchasing_summary",
    "customers/update",
    "customers_email_marketing_consent/update",
    "customers_marketing_consent/update",
    "customers_whats_app_marketing_consent/update",
    "draft_orders/create",
    "draft_orders/delete",
    "draft_orders/update",
    "fulfillment_events/create",
    "fulfillments/create",
    "fulfillments/update",
    "inventory_levels/connect",
    "inventory_levels/disconnect",
    "inventory_levels/update",
    "order_transactions/create",
    "orders/cancelled",
    "orders/create",
    "orders/delete",
    "orders/edited",
    "orders/fulfilled",
    "orders/paid",
    "orders/partially_fulfilled",
    "orders/updated",
    "products/create",
    "products/delete",
    "products/update",
    "refunds/create",
    "returns/approve",
    "returns/cancel",
    "returns/close",
    "returns/decline",
    "returns/request",
    "shop/update",
    "variants/in_stock",
    "variants/out_of_stock",
)


# Subscribed to by the app's configuration only; the Admin API's enum does not have them.
COMPLIANCE_TOPICS = ("customers/data_request", "customers/redact", "shop/redact")
# What an app still hears once it is uninstalled.
AFTERWARDS = ("app/uninstalled", *COMPLIANCE_TOPICS)


def enum_name(topic: str) -> str:
    """`customers/create` as CUSTOMERS_CREATE."""
    return re.sub(r"[/.]", "_", topic).upper()


BY_ENUM_NAME = {enum_name(topic): topic for topic in TOPICS}
