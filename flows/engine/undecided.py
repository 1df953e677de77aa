"""What has happened to people and is not decided yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, bindparam, select

from connector.db.rows import among
from connector.models.event import events, pending_events
from connector.scope import Scope
from flows.core.model import Event


def undecided(scope: Scope, persons: Collection[int]) -> dict[int, list[Event]]:
    """{person: their undecided events, in the order in which they occurred}."""
    found: dict[int, list[Event]] = defaultdict(list)
    if persons:
        for row in scope.connection.execute(_UNDECIDED, {"shop_id": scope.shop_id, "persons": list(persons)}):
            found[row.decided_for].append(as_event(row))
    return found


def as_event(row: Row[Any]) -> Event:
    """The event that this row of ``events`` stands for."""
    return Event(
        row.id, row.name, row.occurred_at, row.subject, row.key, row.person_id, row.props, row.historical, row.seq
    )


_UNDECIDED = (
    select(pending_events.c.person_id.label("decided_for"), events)
    .join(
        events,
        (events.c.shop_id == pending_events.c.shop_id)
        & (events.c.id == pending_events.c.event_id)
        & (events.c.occurred_at == pending_events.c.occurred_at),
    )
    .where(pending_events.c.shop_id == bindparam("shop_id"), among(pending_events.c.person_id, "persons"))
    .order_by(events.c.occurred_at, events.c.seq)
)
