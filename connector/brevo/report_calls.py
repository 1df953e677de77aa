"""What Brevo counted of messages, event by event: for what its webhooks did not tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts
from connector.brevo.verdicts import Kind

STATISTICS_PAGE: Mapping[str, int] = {"email": 5000, "sms": 100, "whatsapp": 10_000}
"""The most rows of one answer, by channel."""
STATISTICS_BUCKET: Mapping[str, str] = {"email": "smtp", "sms": "other", "whatsapp": "other"}


class ReportCalls(Calls):
    """What Brevo counted of messages, event by event."""

    def statistics(self, channel: str, first: date, last: date, offset: int) -> list[JSON]:
        """GET /smtp/statistics/events, /transactionalSMS/statistics/events or /whatsapp/statistics/events of these days
        (UTC, at most 90), the oldest first: a page of [{date, event, messageId, email or phoneNumber or contactNumber,
        ...}] from row ``offset`` on.

        Take from STATISTICS_BUCKET of the channel before.
        """
        calls: Mapping[str, Callable[[], Callable[..., Any]]] = {
            "email": lambda: self._sdk.transactional_emails.get_email_event_report,
            "sms": lambda: self._sdk.transactional_sms.get_sms_events,
            "whatsapp": lambda: self._sdk.transactional_whats_app.get_whatsapp_event_report,
        }
        query = {
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "limit": STATISTICS_PAGE[channel],
            "offset": offset,
            "sort": "asc",
        }
        found = self._json(calls[channel](), Kind.READ, STATISTICS_BUCKET[channel], query=query)
        return dicts(found.get("events"))
