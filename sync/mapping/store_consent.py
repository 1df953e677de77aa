"""A person's consent as the store knows it, and what has to be written there: pure.

Facts: reference of ``customerEmailMarketingConsentUpdate`` and its sisters. The store keeps the consent with the newest
time; NOT_SUBSCRIBED, REDACTED and INVALID cannot be written; SUBSCRIBED needs an opt-in level, and with a time of the
last 24 hours it starts the store's own welcome mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sync.consent_evidence import CONFIRMED, OPT_OUTS, SUBSCRIBED
from sync.node_values import moment

WELCOMED = timedelta(hours=24)
# What the store says of itself and lets nobody change.
_FIXED = frozenset({"REDACTED", "INVALID"})


@dataclass(frozen=True, slots=True)
class Told:
    """What the store has of one channel. ``reachable``: it has an address or number to which the consent belongs."""

    state: str
    level: str | None
    at: datetime | None
    reachable: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What we have heard and the store has not. ``state`` and ``level`` as in the ledger."""

    state: str
    level: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Write:
    """The document and its input. ``wait``: not before so much business time has passed."""

    document: str
    variables: Mapping[str, Any]
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be written. ``ask``: the store knows something newer than we do."""

    reason: str
    ask: bool = False


def told(node: Mapping[str, Any], channel: str) -> Told:
    """Of a Customer of queries/customers.graphql."""
    if channel == "email":
        address = node.get("defaultEmailAddress") or {}
        state, level = address.get("marketingState"), address.get("marketingOptInLevel")
        at = moment(address.get("marketingUpdatedAt"))
        return Told(str(state or "NOT_SUBSCRIBED"), level, at, bool(address.get("emailAddress")))
    phone = node.get("defaultPhoneNumber") or {}
    consent = phone.get("smsMarketingConsent" if channel == "sms" else "whatsAppMarketingConsent") or {}
    state, level = consent.get("state"), consent.get("optInLevel")
    return Told(str(state or "NEVER_SUBSCRIBED"), level, moment(consent.get("updatedAt")), bool(phone))


def change(
    customer_id: int, channel: str, wanted: Wanted, held: Told, now: datetime, *, may_welcome: bool
) -> Write | Nothing:
    """What brings the store to what is wanted, if that is a change and ours is the newer word."""
    if wanted.state == SUBSCRIBED:
        state = "SUBSCRIBED"
    elif wanted.state in OPT_OUTS:
        state = "UNSUBSCRIBED"
    else:
        return Nothing(f"{wanted.state} cannot be written")
    if not held.reachable:
        return Nothing("the store has no address for it")
    if held.state in _FIXED:
        return Nothing(f"the store says {held.state}")
    level = ("CONFIRMED_OPT_IN" if wanted.level == CONFIRMED else "SINGLE_OPT_IN") if state == "SUBSCRIBED" else None
    confirms = level == "CONFIRMED_OPT_IN" and held.level != level
    if held.state == state and not confirms:
        return Nothing("the store has it")
    if held.at is not None and (held.at > wanted.at or (held.at == wanted.at and held.state == "UNSUBSCRIBED")):
        return Nothing("the store knows a newer one", ask=True)
    wait = timedelta(0)
    if state == "SUBSCRIBED" and not may_welcome:
        wait = max(wanted.at + WELCOMED - now, timedelta(0))
    document, variables = _request(customer_id, channel, state, level, min(wanted.at, now))
    return Write(document, variables, wait)


def _request(
    customer_id: int, channel: str, state: str, level: str | None, at: datetime
) -> tuple[str, Mapping[str, Any]]:
    names = ("state", "optInLevel", "updatedAt") if channel == "whatsapp" else _OLDER_NAMES
    values = (state, level, at.isoformat(timespec="milliseconds"))
    consent = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    field, document = _DOCUMENTS[channel]
    return document, {"input": {"customerId": f"gid://shopify/Customer/{customer_id}", field: consent}}


_OLDER_NAMES = ("marketingState", "marketingOptInLevel", "consentUpdatedAt")
_DOCUMENTS = {
    "email": ("emailMarketingConsent", "email_consent_update"),
    "sms": ("smsMarketingConsent", "sms_consent_update"),
    "whatsapp": ("whatsAppMarketingConsent", "whatsapp_consent_update"),
}
