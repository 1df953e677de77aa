"""Rate limits per bucket and plan tier, as the provider's table of API limits prints them.

Windows are fixed and lie on the wire clock. The table names some endpoints; every other call of an account
shares one bucket of 100 an hour on the general tier (which is how batch, webhook and process calls are
counted here).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

TIERS = ("general", "advanced", "extended")
SECOND, HOUR = 1, 3600


@dataclass(frozen=True)
class Bucket:
    """`allowed[tier]` calls within `window[tier]` seconds."""

    name: str
    allowed: tuple[int, int, int]
    window: tuple[int, int, int]


def _bucket(name: str, *allowed: int, window: int, extended: int | None = None) -> Bucket:
    general, advanced, top = allowed
    return Bucket(name, (general, advanced, top), (window, window, extended or window))


SEND = _bucket("POST /smtp/email", 1000, 2000, 6000, window=SECOND)
BLOCKED = _bucket("GET /smtp/blockedContacts", 1000, 2000, 6000, window=SECOND)
# Extended plans get the hourly figure of the table, the others the one per second.
EMAILS = _bucket("GET /smtp/emails", 2, 3, 18_000, window=SECOND, extended=HOUR)
SMS = _bucket("POST /transactionalSMS/sms", 150, 200, 250, window=SECOND)
EVENTS = _bucket("POST /events", 10, 20, 60, window=SECOND)
CONTACTS = _bucket("/contacts/*", 10, 20, 60, window=SECOND)
ORDER_STATUS = _bucket("POST /orders/status", 5, 10, 15, window=SECOND)
PRODUCTS = _bucket("POST /products", 2, 4, 21_600, window=SECOND, extended=HOUR)
OTHER_SMTP = _bucket("other /smtp/*", 300, 600, 1_800, window=HOUR)
LOYALTY = _bucket("/loyalty/*", 600, 1_200, 100_000, window=HOUR)
EVERYTHING_ELSE = _bucket("everything else", 100, 200, 600, window=HOUR)

_NAMED = {
    ("POST", "/smtp/email"): SEND,
    ("GET", "/smtp/blockedContacts"): BLOCKED,
    ("GET", "/smtp/emails"): EMAILS,
    ("POST", "/transactionalSMS/sms"): SMS,
    ("POST", "/transactionalSMS/send"): SMS,
    ("POST", "/events"): EVENTS,
    ("POST", "/orders/status"): ORDER_STATUS,
    ("POST", "/products"): PRODUCTS,
}
_FAMILIES = {"/contacts": CONTACTS, "/smtp": OTHER_SMTP, "/loyalty": LOYALTY}


def bucket_of(method: str, path: str) -> Bucket:
    """The bucket that counts a call; `path` is without the `/v3` prefix."""
    named = _NAMED.get((method, path))
    if named:
        return named
    for family, bucket in _FAMILIES.items():
        if path == family or path.startswith(family + "/"):
            return bucket
    return EVERYTHING_ELSE


@dataclass(frozen=True)
class Reading:
    """`reset` is in whole wire seconds until the window ends, at least 1."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(self.remaining),
            "x-sib-ratelimit-reset": str(self.reset),
        }


class Limiter:
    """Counts the calls of one account."""

    def __init__(self, tier: str) -> None:
        self._tier = TIERS.index(tier)
        self._used: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, bucket: Bucket, wire: float) -> Reading:
        """Count one call at wire time `wire`; a refused call is not counted."""
        limit, length = bucket.allowed[self._tier], bucket.window[self._tier]
        window = math.floor(wire / length)
        reset = max(1, math.ceil((window + 1) * length - wire))
        with self._lock:
            seen, used = self._used.get(bucket.name, (window, 0))
            if seen != window:
                used = 0
            if used >= limit:
                return Reading(False, limit, 0, reset)
            self._used[bucket.name] = (window, used + 1)
        return Reading(True, limit, limit - used - 1, reset)
