"""Rows of Brevo's statistics as reports: pure.

They name the same things as the webhooks in other words, with times in whole seconds of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sync import people
from sync.reports.report import Report, message_id, number, tags
from sync.reports.words import spelled

_LONGEST_WORD, _LONGEST_TEXT, _LONGEST_LINK = 64, 2_000, 4_000


def report(channel: str, row: Mapping[str, Any]) -> Report | None:
    """What this row reports; None when it lacks what names a fact: its moment, its event, its message."""
    at, word, which = _moment(row.get("date")), spelled(row.get("event")), message_id(row.get("messageId"))
    if at is None or not word or not which:
        return None
    return Report(
        channel=channel,
        word=word[:_LONGEST_WORD],
        at=at,
        address=_address(channel, row),
        message_id=which,
        tags=tags(row.get("tag")),
        link=_text(row.get("link"), _LONGEST_LINK) or "",
        reason=_text(row.get("reason"), _LONGEST_TEXT),
        text=_text(row.get("reply") or row.get("body"), _LONGEST_TEXT),
    )


def _address(channel: str, row: Mapping[str, Any]) -> str | None:
    if channel == "email":
        return people.normal_email(_text(row.get("email"), 320))
    return number(row.get("phoneNumber" if channel == "sms" else "contactNumber"))


def _moment(value: Any) -> datetime | None:
    """ISO 8601; without a zone it is UTC, which Brevo's documents say of this field."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return found.replace(microsecond=0, tzinfo=found.tzinfo or UTC).astimezone(UTC)


def _text(value: Any, longest: int) -> str | None:
    return value[:longest] if isinstance(value, str) and value else None
