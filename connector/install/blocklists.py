"""What rows of Brevo's contacts and of its blocked addresses say of opt-outs: pure.

``GET /contacts`` says that somebody is on the blocklist and not since when. ``GET /smtp/blockedContacts`` says when,
and why (reasons of Brevo's OpenAPI).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sync.address_opt_outs import OptOut
from sync.people import normal_email

_BLOCKLISTS = (("email", "emailBlacklisted"), ("sms", "smsBlacklisted"), ("whatsapp", "whatsappBlacklisted"))
_NUMBERS = {"sms": "SMS", "whatsapp": "WHATSAPP"}
# Reason -> (state of consent, reason of a suppression). Somebody whom the merchant's own staff have blocked has not
# opted out, and is not written to.
_REASONS: Mapping[str, tuple[str | None, str | None]] = {
    "unsubscribedViaMA": ("unsubscribed", None),
    "unsubscribedViaEmail": ("unsubscribed", None),
    "unsubscribedViaApi": ("unsubscribed", None),
    "contactFlaggedAsSpam": ("unsubscribed", "complaint"),
    "hardBounce": ("undeliverable", "hard_bounce"),
    "adminBlocked": (None, "blocked"),
}
# A reason that is new to us: the safe side.
_UNKNOWN = ("unsubscribed", None)


@dataclass(frozen=True)
class Blocked:
    """An address to which Brevo delivers nothing: ``reason`` of a suppression."""

    address: str
    reason: str
    since: datetime


def of_contacts(
    rows: Iterable[Mapping[str, Any]], heard_at: datetime, *, dated: bool, list_id: int | None = None
) -> list[OptOut]:
    """The opt-outs that contacts tell. They hold as of ``heard_at``, because when somebody opted out is not told;
    ``dated``: as of the contact's last change, when it was surveyed before. ``list_id``: who unsubscribed from this
    list has opted out of emails.
    """
    found = []
    for row in rows:
        since = min(_moment(row.get("modifiedAt")) or heard_at, heard_at) if dated else heard_at
        for channel, flag in _BLOCKLISTS:
            if row.get(flag) is True or (channel == "email" and list_id in _numbers(row.get("listUnsubscribed"))):
                found += [OptOut(channel, address, "unsubscribed", since) for address in _addresses(row, channel)]
    return found


def of_blocked(rows: Iterable[Mapping[str, Any]], heard_at: datetime) -> tuple[list[OptOut], list[Blocked]]:
    """What blocked addresses tell of opt-outs, and which must not be written to."""
    opt_outs, blocked = [], []
    for row in rows:
        address = normal_email(_text(row.get("email")))
        if address is None:
            continue
        reason = row.get("reason")
        state, suppression = _REASONS.get(_text(reason.get("code") if isinstance(reason, Mapping) else None), _UNKNOWN)
        since = min(_moment(row.get("blockedAt")) or heard_at, heard_at)
        if state is not None:
            opt_outs.append(OptOut("email", address, state, since))
        if suppression is not None:
            blocked.append(Blocked(address, suppression, since))
    return opt_outs, blocked


def _addresses(row: Mapping[str, Any], channel: str) -> list[str]:
    """What tells whose opt-out it is: the contact's address, and the number that the channel is about."""
    email = normal_email(_text(row.get("email")))
    found = [email] if email else []
    attributes = row.get("attributes")
    if channel in _NUMBERS and isinstance(attributes, Mapping):
        digits = re.sub(r"\D", "", _text(attributes.get(_NUMBERS[channel]))).removeprefix("00")
        found += [f"+{digits}"] if digits else []
    return found


def _numbers(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
