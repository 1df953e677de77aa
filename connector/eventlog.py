"""The event log: the only way by which anything that happened reaches the flows and the provider's automations.

``append`` is idempotent: an event's id is uuid5(shop, identity of the *fact*, name), so the same fact under
another webhook id, or read again from the store, has one effect. In the transaction of the caller it writes

1. the event,
2. an exit mark when a running flow may have to stop because of it (read by the gate right before a send),
3. the person's pending work, which the flow engine claims,
4. what the provider is to be told of it (``feed``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from connector.event_mapping import provider_event
from connector.models.event import events, exit_marks, pending_events
from connector.models.person import person_work
from connector.models.sync import feed
from connector.scope import Scope

NAMESPACE = UUID("6f0e9f6e-5d0b-5a3e-9a53-2f6f1b0c7a11")

# Events that may stop somebody's flow; each leaves a mark that a send in preparation cannot miss.
EXIT_WORTHY = frozenset({"order_placed", "checkout_completed", "cart_cleared", "unsubscribed", "erased"})


@dataclass(frozen=True)
class Fact:
    """Something that happened. ``identity`` names it independently of who told us, e.g. "order:17:paid"."""

    name: str
    identity: str
    occurred_at: datetime
    subject: str
    person_id: int | None = None
    key: str | None = None
    props: Mapping[str, Any] = field(default_factory=dict)
    source: str = "shopify"
    historical: bool = False
    # Others whose running flows this ends by its key (an order placed under another email).
    reaches: tuple[int, ...] = ()

    def id(self, shop_id: int) -> UUID:
        return uuid5(NAMESPACE, f"{shop_id}:{self.identity}:{self.name}")


def append(scope: Scope, facts: Sequence[Fact], *, undecided: bool = True) -> dict[UUID, Fact]:
    """Write these facts; returns the ones that were new, by event id.

    ``undecided`` False: the caller, who holds the person's lock, decides about them in this very transaction.
    """
    by_id = {fact.id(scope.shop_id): fact for fact in facts}
    if not by_id:
        return {}
    connection, shop_id = scope.connection, scope.shop_id
    # occurred_at is part of the key for partitioning, and the same fact may be told with two times
    # ("paid" as seen by two topics); writers of raw facts are serial per shop, so asking first is safe.
    known = set(connection.scalars(select(events.c.id).where(events.c.shop_id == shop_id, events.c.id.in_(by_id))))
    rows = [
        {
            "shop_id": shop_id,
            "id": event_id,
            "occurred_at": fact.occurred_at,
            "name": fact.name,
            "subject": fact.subject,
            "key": fact.key,
            "person_id": fact.person_id,
            "source": fact.source,
            "historical": fact.historical,
            "props": dict(fact.props),
            "received_at": scope.now,
        }
        for event_id, fact in by_id.items()
        if event_id not in known
    ]
    if not rows:
        return {}
    written = insert(events).on_conflict_do_nothing().returning(events.c.id)
    new = {event_id: by_id[event_id] for event_id in connection.scalars(written, rows)}
    live = {event_id: fact for event_id, fact in new.items() if not fact.historical}
    _mark_exits(scope, live)
    if undecided:
        _make_pending(
            scope,
            [
                (person_id, event_id, fact.occurred_at)
                for event_id, fact in live.items()
                for person_id in {fact.person_id, *fact.reaches} - {None}
            ],
        )
    _feed(scope, live)
    return new


def _mark_exits(scope: Scope, facts: Mapping[UUID, Fact]) -> None:
    marks = [
        {
            "shop_id": scope.shop_id,
            "event_id": event_id,
            "name": fact.name,
            "person_id": fact.person_id,
            "key": fact.key,
            "occurred_at": fact.occurred_at,
            "marked_at": scope.now,
        }
        for event_id, fact in facts.items()
        if fact.name in EXIT_WORTHY
    ]
    if marks:
        scope.connection.execute(insert(exit_marks).on_conflict_do_nothing(), marks)


def _make_pending(scope: Scope, entries: Sequence[tuple[int, UUID, datetime]]) -> None:
    if not entries:
        return
    scope.connection.execute(
        insert(pending_events).on_conflict_do_nothing(),
        [
            {"shop_id": scope.shop_id, "person_id": person_id, "event_id": event_id, "occurred_at": at}
            for person_id, event_id, at in entries
        ],
    )
    wake(scope, [person_id for person_id, _, _ in entries])


def wake(scope: Scope, person_ids: Sequence[int]) -> None:
    """Say that these persons have undecided events. Takes their locks, in order."""
    statement = insert(person_work)
    statement = statement.on_conflict_do_update(
        index_elements=["shop_id", "person_id"],
        set_={"pending": True, "since_real": statement.excluded.since_real},
    )
    scope.connection.execute(
        statement,
        [
            {"shop_id": scope.shop_id, "person_id": person_id, "pending": True, "since_real": scope.machine}
            for person_id in sorted(set(person_ids))
        ],
    )
    scope.locked.update(person_ids)
    scope.bells.add("flows")


def _feed(scope: Scope, facts: Mapping[UUID, Fact]) -> None:
    overrides = scope.shop.settings["event_mapping"]
    rows = []
    for event_id, fact in facts.items():
        told = provider_event(fact.name, fact.props, overrides)
        if told is None or fact.person_id is None:
            continue
        name, properties = told
        rows.append(
            {
                "shop_id": scope.shop_id,
                "person_id": fact.person_id,
                "event_id": event_id,
                "name": name,
                "body": {
                    "event_name": name,
                    "event_date": fact.occurred_at.isoformat(),
                    "event_properties": {**properties, "event_id": str(event_id)},
                },
                "state": "due",
                "due_real": scope.machine,
                "attempts": 0,
            }
        )
    if rows:
        scope.connection.execute(insert(feed).on_conflict_do_nothing(), rows)
        scope.bells.add("sync")


def adopt(scope: Scope, subjects: Sequence[str], person_id: int, since: datetime) -> None:
    """Subjects have been identified: their events so far become this person's, the recent ones undecided.

    ``since``: events that occurred before it are history and start nothing.
    """
    rows = scope.connection.execute(
        update(events)
        .where(events.c.shop_id == scope.shop_id, events.c.subject.in_(subjects), events.c.person_id.is_(None))
        .values(person_id=person_id)
        .returning(
            events.c.id,
            events.c.occurred_at,
            events.c.name,
            events.c.subject,
            events.c.key,
            events.c.props,
            events.c.historical,
            events.c.source,
        )
    ).all()
    recent = {
        row.id: Fact(
            row.name, "", row.occurred_at, row.subject, person_id, row.key, row.props, row.source, row.historical
        )
        for row in rows
        if not row.historical and row.occurred_at >= since
    }
    if not recent:
        return
    _make_pending(scope, [(person_id, event_id, fact.occurred_at) for event_id, fact in recent.items()])
    _feed(scope, recent)
    scope.connection.execute(
        update(exit_marks)
        .where(
            exit_marks.c.shop_id == scope.shop_id,
            exit_marks.c.event_id.in_(list(recent)),
            exit_marks.c.person_id.is_(None),
        )
        .values(person_id=person_id)
    )
