"""Support tickets: while somebody waits for help, marketing to them waits (``flows.engine.asking``)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, text, update

from connector.locks import lock_persons
from connector.models.outbox import outbox
from connector.scope import Scope

HELD = "held"
"""The gate's reason for a message that waits because of it."""


def opened(scope: Scope, person_id: int, ticket: str, at: datetime) -> None:
    """This ticket of the person, whose lock the caller holds, was opened, or opened again."""
    scope.connection.execute(_OPENED, _given(scope, person_id, ticket, at))


def closed(scope: Scope, person_id: int, ticket: str, at: datetime) -> None:
    """It is settled, and whoever opened it no longer waits. What waited for that is asked for again at once."""
    whose = scope.connection.scalar(_CLOSED, _given(scope, person_id, ticket, at))
    lock_persons(scope, [whose])
    if scope.connection.execute(_RELEASE, {"shop": scope.shop_id, "person": whose, "now": scope.now}).rowcount:
        scope.bells.add("deliver")


def _given(scope: Scope, person_id: int, ticket: str, at: datetime) -> dict[str, object]:
    return {"shop_id": scope.shop_id, "person_id": person_id, "ticket": ticket, "at": at}


# Told in any order: the newest of each counts.
_OPENED = text(
    """
INSERT INTO support_tickets (shop_id, ticket, person_id, opened_at) VALUES (:shop_id, :ticket, :person_id, :at)
ON CONFLICT (shop_id, ticket) DO UPDATE SET opened_at = greatest(support_tickets.opened_at, excluded.opened_at)
"""
)
_CLOSED = text(
    """
INSERT INTO support_tickets (shop_id, ticket, person_id, closed_at) VALUES (:shop_id, :ticket, :person_id, :at)
ON CONFLICT (shop_id, ticket) DO UPDATE SET closed_at = greatest(support_tickets.closed_at, excluded.closed_at)
RETURNING person_id
"""
)
_RELEASE = (
    update(outbox)
    .where(
        outbox.c.shop_id == bindparam("shop"),
        outbox.c.person_id == bindparam("person"),
        outbox.c.state == "due",
        outbox.c.reason == HELD,
        outbox.c.due_at > bindparam("now"),
    )
    .values(due_at=bindparam("now"))
)
