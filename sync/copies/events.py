"""What happened, told to Brevo: rows of ``feed`` become POST /events, each person's in their order.

The event log writes the rows, and wishes for the person's events (``entity_id`` is the person, the version the newest
row). They leave when the contact is known at Brevo, so that an automation there sees a person's history in order; a
refused one steps aside with its reason. Events of somebody whom Brevo cannot have step aside too.

At least once: an event whose outcome is unknown is told again. Brevo has no idempotency key for events; each carries
our ``event_id`` as a property, so that a repetition can be recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from connector.db.session import autocommitted
from connector.errors import OutcomeUnknown, ProviderError, Refused
from connector.shops import Shop
from sync.copies.contact import identifiers
from sync.copies.resource import Also, Claim, Resource, Snapshot
from sync.copies.turn import Interrupted, Turn

BUCKET = "events"
# Of one person at a time: another claim goes on with the rest.
_SERIES = 10
_REASON_LENGTH = 300


@dataclass(frozen=True)
class Event:
    """A row of ``feed``. ``body``: POST /events without its identifiers."""

    id: int
    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Series:
    """Open events of one person, the oldest first, and whose they are."""

    identifiers: Mapping[str, str]
    events: tuple[Event, ...]


# What Brevo was told long ago is not looked at: closed rows leave the index that this reads.
_SERIES_OF = text(
    """
SELECT asked.person_id, persons.email, persons.customer_id, contact.sent_version AS contact_version,
    contact.state AS contact_state, contact.reason AS contact_reason, event.id, event.name, event.body
FROM unnest(CAST(:ids AS bigint[])) AS asked (person_id)
JOIN persons ON persons.shop_id = :shop_id AND persons.id = asked.person_id
LEFT JOIN sync_state AS contact
    ON contact.shop_id = :shop_id AND contact.entity = 'contact' AND contact.entity_id = asked.person_id
LEFT JOIN LATERAL (
    SELECT id, name, body FROM feed
    WHERE feed.shop_id = :shop_id AND feed.person_id = asked.person_id AND feed.state IN ('due', 'leased')
    ORDER BY id LIMIT :series
) AS event ON true
ORDER BY asked.person_id, event.id
"""
)

_CLOSE = "UPDATE feed SET state = :event_state, reason = :event_reason WHERE shop_id = :shop_id AND id = :event_id"
_CLOSE_ONLY = text(_CLOSE)
_FAILED = "UPDATE feed SET attempts = :tries, reason = :event_reason WHERE shop_id = :shop_id AND id = :event_id"
_CLOSE_ALL = """
UPDATE feed SET state = 'refused', reason = :event_reason
WHERE shop_id = :shop_id AND person_id = :person_id AND state IN ('due', 'leased') AND id <= :newest
"""


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """The open events of these people. Those of somebody whom Brevo cannot have are to be closed, with the reason."""
    by_id = {one.entity_id: one for one in held}
    rows: dict[int, list[Any]] = {}
    for row in connection.execute(_SERIES_OF, {"shop_id": shop.id, "ids": list(by_id), "series": _SERIES}):
        rows.setdefault(row.person_id, []).append(row)
    found = {}
    for person_id, theirs in rows.items():
        one, first = by_id[person_id], theirs[0]
        if not first.contact_version and first.contact_state in ("done", "failed"):
            reason = f"no contact: {first.contact_reason or 'unknown'}"[:_REASON_LENGTH]
            closed = {"person_id": person_id, "newest": one.wanted_version, "event_reason": reason}
            found[person_id] = Snapshot(one, one.wanted_version, nothing=reason, also=Also(_CLOSE_ALL, closed))
        elif not first.contact_version:
            found[person_id] = Snapshot(one, one.wanted_version, nothing="its contact", waits_for=person_id)
        elif first.id is None:
            found[person_id] = Snapshot(one, one.wanted_version, nothing="told")
        else:
            series = tuple(Event(row.id, row.name, row.body) for row in theirs)
            version = series[-1].id if len(series) == _SERIES else max(series[-1].id, one.wanted_version)
            found[person_id] = Snapshot(one, version, Series(identifiers(shop, first._mapping), series))
    return found


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    waiting = list(held)
    while waiting and (granted := turn.calls(BUCKET, len(waiting))):
        now, waiting = waiting[:granted], waiting[granted:]
        for snapshot in turn.read(read, now):
            if not _tell(turn, snapshot):
                return


def _tell(turn: Turn, snapshot: Snapshot) -> bool:
    """Tell this person's events; False when there are no calls or no time left. Raises Interrupted."""
    series: Series = snapshot.body
    for place, event in enumerate(series.events):
        rest = len(series.events) - place
        if not turn.calls(BUCKET, rest) or not turn.use(BUCKET):
            if place:
                turn.sent(snapshot, version=series.events[place - 1].id)
            return False
        state, reason = _call(turn, snapshot, event, series.identifiers)
        closed = {"event_id": event.id, "event_state": state, "event_reason": reason}
        if rest > 1:
            with autocommitted(turn.deps.engine) as connection:
                connection.execute(_CLOSE_ONLY, {"shop_id": turn.shop.id, **closed})
        else:
            turn.sent(snapshot, also=Also(_CLOSE, closed))
    # A full series may not have been all.
    turn.again = turn.again or len(series.events) == _SERIES
    return True


def _call(turn: Turn, snapshot: Snapshot, event: Event, whose: Mapping[str, str]) -> tuple[str, str | None]:
    """One call; the row's state and reason. Raises Interrupted when the event has to wait for another try."""
    if not whose:
        return "refused", "no_identifier"
    try:
        turn.account.create_event({**event.body, "event_name": event.name, "identifiers": whose})
    except ProviderError as error:
        reason = str(error)[:_REASON_LENGTH]
        attempts = snapshot.claim.attempts
        # An answer of the server's own fault, again and again over hours: it is this event, and it holds up the rest.
        server_fault = error.status >= 500 or isinstance(error, OutcomeUnknown)
        if isinstance(error, Refused) or (server_fault and attempts >= len(turn.deps.settings.retry_seconds)):
            return "refused", reason
        failed = {"event_id": event.id, "tries": attempts + 1, "event_reason": reason}
        turn.postpone(snapshot, error, sent=event.id - 1, also=Also(_FAILED, failed))
        raise Interrupted(error) from error
    return "sent", None


EVENTS = Resource("events", 20, _send, coalesced=False)
