"""Where the platforms are told to report, and what Brevo is asked to report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BrevoWebhook:
    """What Brevo can be asked for in one registration. ``events``: its names there, which differ from those in the
    payloads.
    """

    type: str
    channel: str
    events: tuple[str, ...]
    about: str

    @property
    def description(self) -> str:
        """What it is called at Brevo."""
        return f"The Shopify connector: {self.about}"


BREVO_EVENTS = (
    "request", "delivered", "hardBounce", "softBounce", "blocked", "spam", "invalid", "deferred", "click",
    "opened", "uniqueOpened", "unsubscribed",
)  # fmt: skip
BREVO_WEBHOOKS = (
    BrevoWebhook("transactional", "email", BREVO_EVENTS, "what becomes of emails"),
    BrevoWebhook(
        "marketing",
        "email",
        (
            "delivered", "hardBounce", "softBounce", "spam", "click", "opened", "unsubscribed", "listAddition",
            "contactUpdated", "contactDeleted",
        ),
        "campaigns, and what is changed about contacts",
    ),
    BrevoWebhook(
        "transactional",
        "sms",
        # Those on which the two lists in Brevo's reference agree. Whoever texts STOP is told as a reply.
        ("sent", "delivered", "softBounce", "hardBounce", "reply"),
        "what becomes of text messages",
    ),
)  # fmt: skip
"""None is batched: Brevo gathers batches for five minutes, for which an opt-out would wait. WhatsApp, loyalty, coupons
and web push can only be set up at Brevo by hand, with the same address."""


def of_shopify(public_url: str) -> str:
    """The one address for all shops."""
    return f"{public_url}/webhooks/shopify"


def of_brevo(public_url: str, shop_id: int) -> str:
    """A shop's own address: Brevo's payloads do not say whom they are for."""
    return f"{public_url}/webhooks/brevo/{shop_id}"


def brevo_channel(hook: Mapping[str, Any]) -> str:
    """Of which channel a webhook of GET /webhooks is. Brevo may not say (its schema has no channel, its example does):
    then ours are known by their descriptions, and all others are of emails.
    """
    named = {one.description: one.channel for one in BREVO_WEBHOOKS}
    return str(hook.get("channel") or named.get(str(hook.get("description")), "email"))
