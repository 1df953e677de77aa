"""What was given up: deliveries that cannot be applied, messages, records and events that Brevo refuses, records that
the store does not give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from sync.alerts.kinds.kind import Finding, Kind, Looking

_MOST = 1000
# One that is refused now and then (an address that is none) is nothing to be called for.
_FEW = 5
# So many of them are looked at, however many stand.
_LOOKED_AT = 10_000
_DELIVERIES = text(
    f"SELECT count(*) FROM (SELECT 1 FROM inbox WHERE shop_id = :shop AND state IN ('quarantined', 'poison')"  # noqa: S608
    f" LIMIT {_MOST}) AS found"
)


@dataclass(frozen=True)
class _Given:
    """``newest``: when it was given up, of those that stand, the newest first as far as that is told by an id; in
    machine time but of messages."""

    newest: str
    said: str


_GIVEN_UP: Mapping[str, _Given] = {
    "messages": _Given(
        "SELECT created_at AS at FROM outbox WHERE shop_id = :shop AND state = 'failed' ORDER BY created_at DESC",
        "Brevo refused {} messages in one day. The page Stopped work shows its answers.",
    ),
    "records": _Given(
        "SELECT due_real AS at FROM sync_state WHERE shop_id = :shop AND state = 'failed' ORDER BY entity_id DESC",
        "Brevo refused {} contacts, orders or products in one day. The page Stopped work shows its answers, and tells"
        " them to Brevo again after a fix.",
    ),
    "events": _Given(
        "SELECT due_real AS at FROM feed WHERE shop_id = :shop AND state = 'refused' ORDER BY id DESC",
        "Brevo refused {} events in one day. The page Stopped work shows its answers.",
    ),
    "fetches": _Given(
        "SELECT due_real AS at FROM fetches WHERE shop_id = :shop AND state = 'failed' ORDER BY remote_id DESC",
        "{} records could not be read from the store in one day. The page Stopped work shows why, and reads them"
        " again.",
    ),
}


def _look(look: Looking) -> Iterator[Finding]:
    stopped = look.connection.scalar(_DELIVERIES, {"shop": look.shop.id}) or 0
    if stopped:
        yield Finding(
            f"{_many(stopped)} of the store or of Brevo could not be applied. The page Deliveries says why, and applies"
            " them again after a fix.",
            subject="deliveries",
            detail={"deliveries": stopped},
        )
    for subject, given in _GIVEN_UP.items():
        lately = _lately(look, subject, given)
        if lately:
            yield Finding(
                given.said.format(f"{_MOST} or more" if lately >= _MOST else lately),
                subject=subject,
                detail={subject: lately},
                faint=lately < _FEW,
            )


def _lately(look: Looking, subject: str, given: _Given) -> int:
    """How many were given up in the last day."""
    since = (look.now if subject == "messages" else look.machine) - timedelta(days=1)
    query = text(
        f"SELECT count(*) FILTER (WHERE at > :since) FROM ({given.newest} LIMIT {_LOOKED_AT}) AS found"  # noqa: S608
    )
    return look.connection.scalar(query, {"shop": look.shop.id, "since": since}) or 0


def _many(count: int) -> str:
    if count == _MOST:
        return f"{_MOST} deliveries or more"
    return f"{count} deliveries" if count > 1 else "A delivery"


STOPPED = Kind("stopped_work", "Work was given up", _look, timedelta(minutes=10))
