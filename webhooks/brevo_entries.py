"""The objects of Brevo's deliveries: which family each belongs to, read off its fields.

Brevo posts to one address whatever a webhook is registered for, single or as an array of up to 500 of all kinds, and
most bodies name neither their family nor themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from connector.brevo.whatsapp_errors import Meaning, meaning
from sync.reports import words
from sync.reports.words import BLOCKLISTS, spelled

CONTACT = frozenset({"contact_updated", "contact_deleted", "list_addition"})
_LOYALTY = frozenset(
    """
    balance_value_updated balance_expiration_reminder balance_value_expired balance_minimum_value_reached
    balance_maximum_value_reached balance_transaction_unauthorized tier_association_updated tier_anniversary_reminder
    tier_association_month_anniversary tier_association_year_anniversary subscription_created subscription_revoked
    subscription_member_added subscription_member_removed subscription_month_anniversary
    subscription_year_anniversary membership_anniversary_reminder voucher_created voucher_redeemed voucher_expired
    voucher_revoked voucher_expiration_reminder voucher_redeem_unauthorized voucher_attribution_failed
    """.split()
)
_OF_WHATSAPP = ("contactNumber", "contact_number", "senderNumber", "sender_number")
_OF_CAMPAIGNS = ("camp_id", "campaign name", "campaign_name", "ts_sent", "date_sent")
# Words that may keep somebody from being written to: they do not wait behind opens and clicks.
_STOPPING = frozenset(
    """
    unsubscribe unsubscribed unsubscription spam complaint hard_bounce hard_bounced hard_bounces blocked blacklisted
    invalid_email invalid reply replied replies
    """.split()
)


def objects(body: bytes) -> list[dict[str, Any]]:
    """The objects of a delivery, single or batched; none when the bytes cannot be read."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def word(entry: Mapping[str, Any]) -> str:
    """What it says happened, as ``spelled``; "" when it does not say."""
    return next((found for name in ("event", "event_name", "msg_status") if (found := spelled(entry.get(name)))), "")


def family(entry: Mapping[str, Any]) -> str:
    """Its topic: transactional, marketing, sms, whatsapp, contact, loyalty, push, coupon or other."""
    name = word(entry)
    if name in CONTACT:
        return "contact"
    if name == "unique_coupon_sent":
        return "coupon"
    if "msg_status" in entry or "sms_count" in entry:
        return "sms"
    if any(field in entry for field in _OF_WHATSAPP):
        return "whatsapp"
    if any(field in entry for field in _OF_CAMPAIGNS):
        return "marketing"
    if name in _LOYALTY or "loyalty_program" in entry or entry.get("source") == "loyalty":
        return "loyalty"
    if name in words.EMAIL:
        return "transactional"
    # Its documentation shows the properties of a push event only: of a click {reporting}, of a subscription {subtype}.
    of_push = isinstance(entry.get("reporting"), dict) or "subtype" in entry or entry.get("source") == "push"
    return "push" if of_push or name.startswith(("push_", "session_started")) else "other"


def family_of_all(entries: Sequence[Mapping[str, Any]]) -> str:
    """The one family of a delivery's objects, ``mixed`` of several, ``other`` of none."""
    found = {family(one) for one in entries}
    return found.pop() if len(found) == 1 else "mixed" if found else "other"


def may_stop(entry: Mapping[str, Any]) -> bool:
    """Whether it may say that somebody must not be written to."""
    if word(entry) in _STOPPING:
        return True
    if word(entry) == "error" and family(entry) == "whatsapp":
        reason = entry.get("reason")
        return isinstance(reason, str) and meaning(reason) is not Meaning.NOTHING
    content = entry.get("content") if word(entry) == "contact_updated" else None
    changed = content if isinstance(content, list) else [content]
    return any(spelled(name) in BLOCKLISTS for one in changed if isinstance(one, dict) for name in one)


def identity(entries: Sequence[Mapping[str, Any]], body: bytes) -> str:
    """What a delivery is known again by. Only loyalty events have an id; else it is a hash of what names a single
    event, and of the bytes where that is not told.
    """
    if len(entries) == 1 and not body.lstrip().startswith(b"["):
        entry = entries[0]
        when = entry.get("ts_epoch") or entry.get("ts_event")
        named = [entry.get("message-id"), entry.get("event"), entry.get("email"), when]
        # What is nested deeply could be read, and not be written again.
        if all(named) and all(isinstance(one, str | int | float) for one in (*named, entry.get("link") or "")):
            return sha256(orjson.dumps([*named, entry.get("link") or ""])).hexdigest()
        loyalty = [entry.get("event_id"), entry.get("event_name")]
        if all(isinstance(one, str) and one for one in loyalty):
            return sha256(orjson.dumps(loyalty)).hexdigest()
    return sha256(body).hexdigest()
