"""A customer's consent to marketing by email, SMS and WhatsApp, as the store keeps it."""

from __future__ import annotations

from sandbox.store.records import Consent, Customer

# Channel -> where a customer's record has it.
_FIELDS = {"email": "consent", "sms": "sms_consent", "whatsapp": "whatsapp_consent"}
CHANNELS = tuple(_FIELDS)
STATES = ("subscribed", "unsubscribed", "pending", "not_subscribed")
# A subscription that is younger than this brings the store's own welcome automation with it.
WELCOME_SECONDS = 86_400


def consent_of(person: Customer, channel: str) -> Consent:
    """Raises ValueError for an unknown channel."""
    if channel not in _FIELDS:
        raise ValueError(f"unknown channel {channel!r}, one of {', '.join(CHANNELS)}")
    found: Consent = getattr(person, _FIELDS[channel])
    return found


def give_consent(
    now: float, person: Customer, channel: str, state: str, level: str | None, at: float | None = None
) -> bool:
    """Record consent as of `at` (default now). The newest wins: False when it is older, or changes nothing."""
    before, at = consent_of(person, channel), now if at is None else at
    if before.updated_at is not None and at < before.updated_at:
        return False
    after = Consent(state, level or before.opt_in_level, at)
    if after == before:
        return False
    setattr(person, _FIELDS[channel], after)
    person.updated_at = now
    return True


def is_welcomed(now: float, before: Consent, after: Consent) -> bool:
    """Whether the store's own automation greets this subscriber: newly subscribed, within the last 24 hours."""
    if after.state != "subscribed" or before.state == "subscribed" or after.updated_at is None:
        return False
    return now - after.updated_at < WELCOME_SECONDS
