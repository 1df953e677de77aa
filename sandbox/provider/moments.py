"""Moments in the spellings of the provider's API."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# Webhook and log dates are in the time zone of the account; the sandbox accounts are French.
ACCOUNT_ZONE = ZoneInfo("Europe/Paris")
_UTC_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def api(at: float) -> str:
    """`2026-11-21T10:00:00.000+01:00`, as contacts and e-mail lists carry it."""
    return datetime.fromtimestamp(at, ACCOUNT_ZONE).isoformat(timespec="milliseconds")


def webhook(at: float) -> str:
    """`2026-11-21 10:00:00`, account time without a zone, as webhooks carry it."""
    return datetime.fromtimestamp(at, ACCOUNT_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def day(at: float) -> str:
    return datetime.fromtimestamp(at, ACCOUNT_ZONE).strftime("%Y-%m-%d")


def parse(text: str) -> float | None:
    """Unix seconds of an ISO 8601 moment (UTC if it names no zone), None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def is_utc_moment(text: str) -> bool:
    """The spelling required for orders: `YYYY-MM-DDTHH:mm:ssZ`, fractions allowed."""
    return bool(_UTC_SECONDS.fullmatch(text)) and parse(text) is not None


def is_day(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and parse(text) is not None
