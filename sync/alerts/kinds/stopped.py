"""What was given up: deliveries that cannot be applied, messages that Brevo refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from sync.alerts.kinds.kind import Finding, Kind, Looking

_MOST = 1000
# One that is refused now and then (an address that is none) is nothing to be called for.
_MESSAGES = 5
_DELIVERIES = text(
    f"SELECT count(*) FROM (SELECT 1 FROM inbox WHERE shop_id = :shop AND state IN ('quarantined', 'poison')"  # noqa: S608
    f" LIMIT {_MOST}) AS found"
)
_REFUSED = text(
    f"SELECT count(*) FROM (SELECT 1 FROM outbox WHERE shop_id = :shop AND state = 'failed'"  # noqa: S608
    f" AND created_at > :since LIMIT {_MOST}) AS found"
)


def _look(look: Looking) -> Iterator[Finding]:
    asked = {"shop": look.shop.id, "since": look.now - timedelta(days=1)}
    stopped = look.connection.scalar(_DELIVERIES, asked) or 0
    if stopped:
        yield Finding(
            f"{_many(stopped)} of the store or of Brevo could not be applied. The page Deliveries says why, and applies"
            " them again after a fix.",
            subject="deliveries",
            detail={"deliveries": stopped},
        )
    refused = look.connection.scalar(_REFUSED, asked) or 0
    if refused:
        yield Finding(
            f"Brevo refused {refused}{' or more' if refused == _MOST else ''} messages in one day. The page Stopped"
            " work shows its answers.",
            subject="messages",
            detail={"messages": refused},
            faint=refused < _MESSAGES,
        )


def _many(count: int) -> str:
    if count == _MOST:
        return f"{_MOST} deliveries or more"
    return f"{count} deliveries" if count > 1 else "A delivery"


STOPPED = Kind("stopped_work", "Work was given up", _look, timedelta(minutes=10))
