"""Brevo's words for what became of a message, in every spelling that its webhooks, its statistics and its registration
of webhooks use (``brevo_api`` webhooks and statistics, 2026-10), as our events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def spelled(word: object) -> str:
    """A word in the one spelling that is looked up: hardBounce, hard-bounce and Hard Bounce are hard_bounce; "" for
    what is no word.

    >>> spelled("hardBounces"), spelled("soft-bounce"), spelled(7)
    ('hard_bounces', 'soft_bounce', '')
    """
    if not isinstance(word, str) or len(word) > 100:
        return ""
    return _HUMP.sub("_", word.strip()).replace("-", "_").replace(" ", "_").lower()


OTHER = "message_other"
"""What Brevo tells in a word that is new to us."""

EMAIL: Mapping[str, str] = {
    "request": "message_requested",
    "requests": "message_requested",
    "sent": "message_requested",
    "delivered": "message_delivered",
    # Brevo's newer first opens come as unique_opened only, older ones as both.
    "opened": "message_opened",
    "unique_opened": "message_opened",
    # A mail program that loads pictures for everybody is no sign of a person.
    "proxy_open": "message_opened_by_proxy",
    "unique_proxy_open": "message_opened_by_proxy",
    "loaded_by_proxy": "message_opened_by_proxy",
    "click": "message_clicked",
    "clicked": "message_clicked",
    "clicks": "message_clicked",
    "hard_bounce": "message_bounced",
    "hard_bounced": "message_bounced",
    "hard_bounces": "message_bounced",
    "invalid_email": "message_bounced",
    "invalid": "message_bounced",
    "soft_bounce": "message_soft_bounced",
    "soft_bounced": "message_soft_bounced",
    "soft_bounces": "message_soft_bounced",
    # Of the statistics, which do not say which kind: nobody is kept from being written to for it.
    "bounces": "message_soft_bounced",
    "deferred": "message_deferred",
    "blocked": "message_blocked",
    "error": "message_error",
    "spam": "message_complained",
    "complaint": "message_complained",
    "unsubscribed": "message_unsubscribed",
    "unsubscribe": "message_unsubscribed",
}
SMS: Mapping[str, str] = {
    "accepted": "message_requested",
    "sent": "message_requested",
    "delivered": "message_delivered",
    "soft_bounce": "message_soft_bounced",
    "soft_bounces": "message_soft_bounced",
    "bounces": "message_soft_bounced",
    "hard_bounce": "message_bounced",
    "hard_bounces": "message_bounced",
    "blocked": "message_blocked",
    "blacklisted": "message_blocked",
    "rejected": "message_error",
    "skip": "message_error",
    "skipped": "message_error",
    "reply": "message_replied",
    "replied": "message_replied",
    "replies": "message_replied",
    "unsubscribe": "message_unsubscribed",
    "unsubscribed": "message_unsubscribed",
    "unsubscription": "message_unsubscribed",
    "subscribe": "message_subscribed",
    "subscribed": "message_subscribed",
}
WHATSAPP: Mapping[str, str] = {
    "sent": "message_requested",
    "delivered": "message_delivered",
    "read": "message_opened",
    "soft_bounce": "message_soft_bounced",
    "hard_bounce": "message_bounced",
    "error": "message_error",
    "reply": "message_replied",
    "unsubscribe": "message_unsubscribed",
    "unsubscribed": "message_unsubscribed",
}
BLOCKLISTS: Mapping[str, str] = {
    "email_blacklisted": "email",
    "blacklisted": "email",
    "sms_blacklisted": "sms",
    "whatsapp_blacklisted": "whatsapp",
}
"""Flags of a contact, as ``spelled``, and the channel that each blocks."""

_OF_CHANNEL: Mapping[str, Mapping[str, str]] = {"email": EMAIL, "sms": SMS, "whatsapp": WHATSAPP}


def event(channel: str, word: str) -> str:
    """Our event for Brevo's word; OTHER for one that is new."""
    return _OF_CHANNEL[channel].get(spelled(word), OTHER)
