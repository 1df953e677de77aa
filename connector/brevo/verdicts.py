"""What an answer of Brevo means: one pure table from (status, body, headers, kind of call) to a verdict.

Sources: Brevo's error reference and limits page. Not documented but observed by others: single bogus 401s, 401 for
"unrecognised IP address", and the sentences by which Brevo says that something is so already.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from connector.brevo.headers import reset_seconds
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    AlreadySo,
    CredentialRefused,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Retry,
)

PROVIDER = "brevo"
UNKNOWN_IP, ECOMMERCE_OFF = "unknown_ip", "ecommerce_off"
"""Our names for what Brevo tells by its message only."""
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
    408, 425, 400 ..._in_process   Retry: the request was not taken
    429                            RateLimited
    5xx                            ONCE: OutcomeUnknown: a gateway's 502/504, and a 500 after the message was
                                   queued, look the same from here, and asking first costs a minute while
                                   sending again may cost a second email. Else Retry
    401                            CredentialRefused; ActionNeeded when it is our address that is not known
    402, 403, 3xx                  ActionNeeded: credits, permission, review, e-commerce, address
    400 duplicate_parameter, 409   AlreadyAccepted for ONCE (a repeated idempotency key), else Refused
    400 "already removed" ...      AlreadySo for IDEMPOTENT
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
    if status in (408, 425) or (status == 400 and code in _BUSY):
        return Retry(PROVIDER, message, status=status, code=code)
    if status >= 500:
        if kind is Kind.ONCE:
            return OutcomeUnknown(PROVIDER, message, status=status, code=code)
        return Retry(PROVIDER, message, status=status, code=code)
    if status in (401, 402, 403) or status < 400:
        return _act(status, code, message)
    if kind is Kind.ONCE and (code, status) in _TAKEN_BEFORE:
        return AlreadyAccepted(PROVIDER, message, status=status, code=code)
    if kind is Kind.IDEMPOTENT and status in (400, 409) and any(one in message.lower() for one in _SO_ALREADY):
        return AlreadySo(PROVIDER, message, status=status, code=code)
    if status == 405:
        return Refused(PROVIDER, f"there is no such call there, check BREVO_BASE_URL: {message}", status=405, code=code)
    return Refused(PROVIDER, message, status=status, code=code)


# What was asked for is not wrong, it comes at a wrong moment.
_BUSY = frozenset({"account_in_process", "campaign_processing"})
_IDENTIFIERS = ("SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID", "EMAIL")
_CURES: Mapping[int | str, str] = {
    401: "check the API key and Brevo's authorised IP addresses",
    402: "the account has no credits left: buy credits, or wait for the plan's next day",
    403: "the account or the API key may not do this",
    UNKNOWN_IP: "authorise our address at Brevo under Security, Authorised IPs",
    ECOMMERCE_OFF: "activate e-commerce in the Brevo account, or connect Brevo again",
    "permission_denied": "give the API key this permission at Brevo, or connect with one that has it",
    "account_under_validation": "Brevo is still reviewing the account: wait, or write to Brevo's support",
    "consent_group_not_enabled": "consent groups are not part of this account: ask Brevo to switch them on",
}
_REDIRECT = "Brevo redirects: check BREVO_BASE_URL"
_TAKEN_BEFORE = {("duplicate_parameter", 400), ("duplicate_request", 409)}
# Not "already in list and/or does not exist": who is added and unknown is not on the list. Nor "already exists": what
# there is may be another state than the one that was sent.
_SO_ALREADY = ("already removed", "must be unique", "already activated")


def _act(status: int, code: str, message: str) -> ActionNeeded:
    """What Brevo says stays in the sentence as it is: it may name an address or a page."""
    lower = message.lower()
    why: int | str = code.lower() if code.lower() in _CURES else status
    if status == 401 and "ip address" in lower and ("unrecognised" in lower or "unrecognized" in lower):
        code = why = UNKNOWN_IP
    elif status == 403 and ("ecommerce" in lower or "e-commerce" in lower):
        code = why = ECOMMERCE_OFF
    kind = CredentialRefused if status == 401 and why != UNKNOWN_IP else ActionNeeded
    return kind(PROVIDER, f"{_CURES.get(why, _REDIRECT)}: {message}", status=status, code=code)


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
