"""What an answer of Brevo means: one pure table from (status, body, headers, kind of call) to a verdict.

Sources: Brevo's error reference and limits page. Not documented but observed by others: single bogus 401s,
and 401 for "unrecognised IP address".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from connector.brevo.headers import reset_seconds
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Retry,
)

PROVIDER = "brevo"
_MESSAGE_LENGTH = 300


class Kind(Enum):
    """What a repetition of the call would do."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    """The same call twice leaves what it leaves once (upserts)."""
    ONCE = "once"
    """A second acceptance has a second effect: an email, an event."""


def verdict(status: int, body: Any, headers: Mapping[str, str], kind: Kind) -> ProviderError:
    """The error for an answer that is not a usable 2xx.

    ``body`` is what came, parsed or as text; ``headers`` have lower-case names. ``after`` of a RateLimited is
    ``x-sib-ratelimit-reset`` as sent: seconds on the wire clock, 0 when the header is missing.

    =============================  =========================================================================
    2xx whose body is unusable     ONCE: OutcomeUnknown (an edge may have answered for the API), else Retry
    408, 425                       Retry: the request was not taken
    429                            RateLimited
    5xx                            ONCE: OutcomeUnknown: a gateway's 502/504, and a 500 after the message was
                                   queued, look the same from here, and asking first costs a minute while
                                   sending again may cost a second email. Else Retry
    401, 402, 403, 3xx             ActionNeeded: key, credits, permission, address
    400 duplicate_parameter, 409   AlreadyAccepted for ONCE (a repeated idempotency key), else Refused
    other 4xx                      Refused
    =============================  =========================================================================
    """
    code, message = _said(body)
    if 200 <= status < 300:
        if kind is Kind.ONCE:
            return OutcomeUnknown(PROVIDER, "the answer could not be read", status=status)
        return Retry(PROVIDER, "the answer could not be read", status=status)
    if status == 429:
        return RateLimited(PROVIDER, message, status=status, code=code, after=reset_seconds(headers))
    if status in (408, 425):
        return Retry(PROVIDER, message, status=status, code=code)
    if status >= 500:
        if kind is Kind.ONCE:
            return OutcomeUnknown(PROVIDER, message, status=status, code=code)
        return Retry(PROVIDER, message, status=status, code=code)
    if status in (401, 402, 403) or status < 400:
        return ActionNeeded(PROVIDER, f"{_CURES.get(status, _REDIRECT)}: {message}", status=status, code=code)
    if kind is Kind.ONCE and (code, status) in _TAKEN_BEFORE:
        return AlreadyAccepted(PROVIDER, message, status=status, code=code)
    return Refused(PROVIDER, message, status=status, code=code)


_IDENTIFIERS = ("SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID", "EMAIL")
_CURES = {
    401: "check the API key and Brevo's authorised IP addresses",
    402: "the account has no credits left",
    403: "the account or the API key may not do this",
}
_REDIRECT = "Brevo redirects: check BREVO_BASE_URL"
_TAKEN_BEFORE = {("duplicate_parameter", 400), ("duplicate_request", 409)}


def clashing_identifier(error: ProviderError) -> str | None:
    """Which identifier another contact already has ("SMS", "EMAIL", ...), or None when it is no such clash.

    Brevo names it in the message only, for example "SMS is already associated with another Contact".
    """
    if "already associated" not in error.detail.lower():
        return None
    words = error.detail.upper().replace(",", " ").split()
    return next((name for name in _IDENTIFIERS if name in words), None)


def _said(body: Any) -> tuple[str, str]:
    if isinstance(body, Mapping):
        return str(body.get("code") or ""), str(body.get("message") or "no message")[:_MESSAGE_LENGTH]
    # HTML of an edge: of no use to a reader, and it may be long.
    return "", "no readable message"
