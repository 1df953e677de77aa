"""All that an event might carry, made up: for whoever tries a flow as if the event happened now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.content.example import example
from flows.content.example_event import told, told_by
from flows.core.vocabulary import CUSTOM, event_named

# What no message shows and conditions and keys ask for. No store has ids as small as these.
_MORE: Mapping[str, Any] = {
    **dict.fromkeys(
        ("collection_id", "draft_order_id", "edit_id", "fulfillment_id", "inventory_item_id", "location_id"), 1
    ),
    **dict.fromkeys(("order_id", "refund_id", "return_id", "review_id", "segment_id", "task", "transaction_id"), 1),
    "before": {"points": 1000},
    "cart_token": "example-cart",
    "changed": {},
    "checkout_token": "example-checkout",
    "data": {},
    "discount_codes": [],
    "endpoint": "erp",
    "error_code": "card_declined",
    "financial_status": "paid",
    "flow": "welcome",
    "outcome": "done",
    "pool": "spring",
    "product_id": 1,
    "purpose": "newsletter",
    "referrer": "https://search.example/",
    "score": "interest",
    "source": "shopify",
    "source_name": "web",
    "state": "published",
    "step": "task",
    "subscription": "S-1042",
    "test": False,
    "ticket": "T-1042",
    "variant_id": 101,
}
_OF_ONE: Mapping[str, Mapping[str, Any]] = {
    "consent_changed": {"old": "not_subscribed", "new": "subscribed"},
    "unsubscribed": {"old": "subscribed", "new": "unsubscribed"},
    "payment_pending": {"financial_status": "pending"},
    "payment_failed": {"financial_status": "pending"},
    "cart_cleared": {"items": [], "total": "0.00"},
    "price_dropped": {"old": "59.00", "new": "49.00"},
    "price_raised": {"old": "49.00", "new": "59.00"},
}


def carried_by(event: str) -> dict[str, Any]:
    """Facts that an event of this name may carry; none for one that nobody knows."""
    known = event_named(event)
    if known is None:
        return {}
    if event.startswith(CUSTOM):
        return {"name": event.removeprefix(CUSTOM), **told_by(event)}
    made = {**told(), **_MORE, "items": example()["order"]["items"], **told_by(event), **_OF_ONE.get(event, {})}
    return {name: made[name] for name in known.props if name in made}
