"""What the event that started a flow may tell, to try messages on: of every kind of event what a reader may be shown.

Which of it an event carries is the vocabulary's (``flows/core/vocabulary.py``): the lint ``event_field`` asks there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What has an end, a beginning or a date of its own.
_MOMENTS = dict.fromkeys(
    ("bought_at", "changed_at", "first_order_at", "last_engaged_at", "last_order_at", "placed_at"),
    "2026-04-20T09:30:00+00:00",
) | dict.fromkeys(("expires_at", "renews_at"), "2026-06-30T22:00:00+00:00")
_AMOUNTS = dict.fromkeys(("amount", "price", "refunded", "spent_before", "new"), "49.00") | dict.fromkeys(
    ("old", "new_compare_at_price", "old_compare_at_price"), "59.00"
)
_NUMBERS = {
    "balance": 1240, "days": 30, "days_before": 7, "days_left": 7, "inventory_quantity": 3, "missing": 60, "number": 5,
    "orders": 5, "orders_before": 4, "percent": 17, "points": 1240, "quantity": 1, "rating": 5, "reached": 1000,
    "results": 12, "return_items": 1, "threshold": 500, "times": 3, "year": 2026, "years": 2,
}  # fmt: skip
_WORDS = {
    "answers": {"style": "classic", "size": "M"},
    "birthday": "05-01",
    "category": "Aprons",
    "channel": "email",
    "code": "CART-7YQK4MTR9X",
    "coupon": "cart",
    "currency": "EUR",
    "delivery_method": "delivery",
    "draft_order_name": "#D7",
    "form": "quiz",
    "gateway": "card",
    "handle": "apron",
    "next_tier": "Gold",
    "order_name": "#1042",
    "plan": "Monthly",
    "query": "apron",
    "reason": "a thank-you",
    "return_name": "#1042-R1",
    "reward": "Free shipping",
    "sku": "APR-MOSS",
    "tag": "VIP",
    "tier": "Silver",
    "title": "Linen apron",
    "tracking_company": "PostNord",
    "tracking_number": "373500482910223344SE",
    "variant_title": "Moss green",
    "why": "viewed",
}
_PAGES = {
    "image_url": "https://cdn.shop.example/apron.jpg",
    "invoice_url": "https://shop.example/invoices/7",
    "recovery_url": "https://shop.example/checkouts/recover?key=abc&lang=en",
    "reorder_url": "https://shop.example/cart/11:1,12:2",
    "tracking_url": "https://track.example/373500482910223344SE",
    "url": "https://shop.example/products/apron",
}

# What a word means in one event and not in others.
_OF_ONE: Mapping[str, Mapping[str, Any]] = {
    "tier_upgraded": {"old": "Bronze", "new": "Silver"},
    "tier_downgraded": {"old": "Gold", "new": "Silver"},
    "tier_downgrade_risk": {"tier": "Silver"},
    "shipment_changed": {"old": "in_transit", "new": "delivered"},
    "inventory_changed": {"old": 0, "new": 12},
}
_PROPERTIES = {
    "app_url": "https://app.shop.example",
    "demo_url": "https://app.shop.example/demo",
    "industry": "restaurants",
    "industry_page": "https://shop.example/pages/restaurants",
    "recording_url": "https://shop.example/pages/recording",
    "starts_at": "2026-05-12T15:00:00+00:00",
    "title": "Aprons for a whole team",
    "upgrade_url": "https://app.shop.example/plans",
    "url": "https://shop.example/pages/aprons-for-teams",
    "webinar": "W7",
}


def told_by(event: str) -> dict[str, Any]:
    """What this event tells otherwise than ``told`` does; of an event of the shop's own its ``properties``."""
    return {"properties": dict(_PROPERTIES)} if event.startswith("custom:") else dict(_OF_ONE.get(event, {}))


def told() -> dict[str, Any]:
    """The properties of an event, as messages read them: ``event.NAME``."""
    return {
        "occurred_at": "2026-05-01T10:00:00+00:00",
        **_MOMENTS,
        **_AMOUNTS,
        **_NUMBERS,
        **_WORDS,
        **_PAGES,
        "total": "86.00",
        "total_spent": "541.50",
    }
