"""Where the platforms are told to report, and what Brevo is asked to report."""

from __future__ import annotations

# Brevo's names at registration differ from those in the payloads.
BREVO_EVENTS = (
    "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred", "click",
    "opened", "uniqueOpened", "unsubscribed",
)  # fmt: skip


def of_shopify(public_url: str) -> str:
    """The one address for all shops."""
    return f"{public_url}/webhooks/shopify"


def of_brevo(public_url: str, shop_id: int) -> str:
    """A shop's own address: Brevo's payloads do not say whom they are for."""
    return f"{public_url}/webhooks/brevo/{shop_id}"
