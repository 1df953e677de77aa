"""Which events say something of how somebody behaves, and of what kind they are."""

from __future__ import annotations

STOREFRONT = frozenset(
    {"site_visited", "page_viewed", "product_viewed", "category_viewed", "searched", "added_to_cart"}
)
"""What somebody does in the store's pages."""
VISITS = STOREFRONT | {"checkout_started"}
"""Signs that somebody was in the store."""
OPENED = "message_opened"
CLICKED = "message_clicked"
OF_MESSAGES = frozenset({"message_delivered", OPENED, CLICKED, "message_opened_by_proxy"})
ENGAGED = VISITS | {CLICKED, "order_placed", "login"}
"""Signs of life that cannot be mistaken: a click, an order, a visit, signing in. An open is none: a mail program may
have made it."""
