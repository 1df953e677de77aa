"""The event log: the only way by which anything that happened reaches the flows and the provider's automations.

``append`` is idempotent: an event's id is uuid5(shop, identity of the *fact*, name), so the same fact under
another webhook id, or read again from the store, has one effect. With the transaction of the caller, at its end,
it writes

1. the event,
2. an exit mark when a running flow may have to stop because of it (read by the gate right before a send),
3. the person's pending work, which the flow engine claims,
4. what the provider is to be told of it (``feed``, and the wish that it be told),
5. what addresses of the merchant are to be told of it (``webhook_deliveries``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import bindparam, select, text, update

from connector.db.rows import among
from connector.event_mapping import provider_events
from connector.models.event import events, exit_marks
from connector.scope import Scope
from flows.core.goals import mark_of

NAMESPACE = UUID("6f0e9f6e-5d0b-5a3e-9a53-2f6f1b0c7a11")

# Events that may stop somebody's flow; each leaves a mark that a send in preparation cannot miss.
EXIT_WORTHY = frozenset(
    {
        *("order_placed", "checkout_completed", "checkout_deleted", "cart_cleared", "unsubscribed", "erased"),
        *("price_raised", "out_of_stock_again", "product_discontinued", "added_to_cart"),
    }
)


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
    # Other names of the same fact, under which it may have been told before (``append_decided``).
    also: tuple[str, ...] = ()
    # Not told to Brevo, because what it begins is over: whoever it let in there has been told to leave already.
    over: bool = False

    def id(self, shop_id: int) -> UUID:
        return uuid5(NAMESPACE, f"{shop_id}:{self.identity}:{self.name}")


def append(scope: Scope, facts: Sequence[Fact]) -> None:
    """Write these facts, as far as they are new, and have the flow engine decide about them.

    What happened before the shop's webhooks were in place is history, whoever tells it. In a quiet scope all becomes
    history: it starts no flow and Brevo is not told of it. What ends flows is decided all the same, because what is
    true ends a flow whoever found it out. What was found by looking for what was missed says so, and is news also from
    a quiet scope if it happened since.
    """
    heard = {fact.id(scope.shop_id): _dated(scope, fact) for fact in facts}
    decided = {event_id for event_id, fact in heard.items() if not fact.historical}
    if scope.quiet and (scope.found_by is None or scope.shop.live_since is None):
        decided = {event_id for event_id in decided if heard[event_id].name in EXIT_WORTHY}
        heard = {event_id: replace(fact, historical=True) for event_id, fact in heard.items()}
    owed = scope.owed(_write)
    for event_id, fact in _owe(scope, heard).items():
        if scope.quiet and event_id in decided:
            _mark_exits(owed, {event_id: fact})
        if event_id in decided:
            for person_id in {one for one in (fact.person_id, *fact.reaches) if one is not None}:
                _make_pending(scope, owed, person_id, event_id, fact.occurred_at)


def _dated(scope: Scope, fact: Fact) -> Fact:
    """With what follows from when it happened, and from who found it out."""
    live_since = scope.shop.live_since
    if fact.historical or (live_since is not None and fact.occurred_at < live_since):
        return replace(fact, historical=True)
    return fact if scope.found_by is None else replace(fact, props={**fact.props, "found_by": scope.found_by})


def append_decided(scope: Scope, facts: Sequence[Fact]) -> dict[UUID, Fact]:
    """Write these facts; returns the ones that were new, by event id.

    The caller, who holds the person's lock, decides about them in this very transaction.
    """
    by_id = {fact.id(scope.shop_id): fact for fact in facts}
    if not by_id:
        return {}
    names = {event_id: {event_id, *_also(scope.shop_id, fact)} for event_id, fact in by_id.items()}
    look_ahead(scope, facts)
    known = scope.ahead.events
    unknown = {event_id for event_id, its in names.items() if not any(known.get(name) for name in its)}
    new = _owe(scope, {event_id: fact for event_id, fact in by_id.items() if event_id in unknown})
    known.update((event_id, True) for event_id in new)
    return new


def look_ahead(scope: Scope, facts: Sequence[Fact]) -> None:
    """Read which of these facts are known, and of their other names, so that each of them is not asked for by itself.

    The answer holds as long as nobody else can tell them: what is derived of people, under their lock.
    """
    names = {fact.id(scope.shop_id) for fact in facts}.union(*(_also(scope.shop_id, fact) for fact in facts))
    asked = [name for name in names if name not in scope.ahead.events]
    if asked:
        known = set(scope.connection.scalars(_KNOWN, {"shop_id": scope.shop_id, "ids": asked}))
        scope.ahead.events.update((name, name in known) for name in asked)


def _also(shop_id: int, fact: Fact) -> set[UUID]:
    return {replace(fact, identity=name).id(shop_id) for name in fact.also}


_KNOWN = select(events.c.id).where(events.c.shop_id == bindparam("shop_id"), among(events.c.id, "ids"))


def _owe(scope: Scope, facts: Mapping[UUID, Fact]) -> dict[UUID, Fact]:
    """Have the transaction write these; returns the ones that it was not going to write already."""
    owed = scope.owed(_write)
    new = {event_id: fact for event_id, fact in facts.items() if ("events", event_id) not in owed}
    for event_id, fact in new.items():
        owed["events", event_id] = {
            "id": event_id,
            "occurred_at": fact.occurred_at,
            "name": fact.name,
            "subject": fact.subject,
            "key": fact.key,
            "person_id": fact.person_id,
            "source": fact.source,
            "historical": fact.historical,
            "props": fact.props,
        }
        if fact.person_id is None and fact.subject in scope.ahead.unowned:
            scope.ahead.unowned[fact.subject] = True
    live = {event_id: fact for event_id, fact in new.items() if not fact.historical}
    _mark_exits(owed, live)
    _feed(scope, owed, live)
    _announce(scope, owed, live)
    return new


Rows = dict[Any, Any]
"""What ``_write`` is given: {(table, ...): row}."""


def _mark_exits(rows: Rows, facts: Mapping[UUID, Fact]) -> None:
    for event_id, fact in facts.items():
        if fact.name in EXIT_WORTHY:
            rows["exit_marks", event_id] = {
                "event_id": event_id,
                "name": mark_of(fact.name, fact.props.get("channel")),
                "person_id": fact.person_id,
                "key": fact.key,
                "occurred_at": fact.occurred_at,
            }


def _make_pending(scope: Scope, rows: Rows, person_id: int, event_id: UUID, occurred_at: datetime) -> None:
    row = {"person_id": person_id, "event_id": event_id, "occurred_at": occurred_at}
    rows["pending_events", event_id, person_id] = row
    scope.bells.add("flows")


def _feed(scope: Scope, rows: Rows, facts: Mapping[UUID, Fact]) -> None:
    shop = scope.shop
    overrides = shop.settings["event_mapping"]
    for event_id, fact in facts.items():
        if fact.person_id is None or fact.over:
            continue
        for told in provider_events(
            fact.name,
            fact.props,
            overrides,
            left_to_brevo=shop.left_to_brevo,
            shop=shop.name,
            at=fact.occurred_at,
            prefix=shop.attribute_prefix,
        ):
            rows["feed", event_id, told.name] = {
                "person_id": fact.person_id,
                "event_id": event_id,
                "name": told.name,
                "body": {
                    **told.body,
                    "event_date": fact.occurred_at.isoformat(),
                    "event_properties": {**told.properties, "event_id": str(event_id)},
                },
            }
            scope.bells.add("sync")


def _announce(scope: Scope, rows: Rows, facts: Mapping[UUID, Fact]) -> None:
    for event_id, fact in facts.items():
        if fact.name in scope.shop.heard_outside:
            rows["webhook_deliveries", event_id] = {
                "event_id": event_id,
                "name": fact.name,
                "occurred_at": fact.occurred_at,
                "person_id": fact.person_id,
            }
            scope.bells.add("outgoing")


# One statement, because it is written in nearly every transaction, mostly for a single fact. What follows from a fact
# that was known already is left out, what follows from one that is not in here (a subject was identified) is not. The
# rows of person_work are the persons' locks and are taken in order.
#
# occurred_at is part of the key for partitioning, and the same fact may be told with two times ("paid" as seen by two
# topics); writers of raw facts are serial per shop, so asking first is safe. Each is asked for by its key: NOT EXISTS
# may become a join with all events of the shop.
_SQL = """
WITH given AS MATERIALIZED (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(CAST(:events AS jsonb)) AS (
        id uuid, occurred_at timestamptz, name text, subject text, key text, person_id bigint, source text,
        historical boolean, props jsonb)) WITH ORDINALITY
), fact AS (
    INSERT INTO events
        (shop_id, id, occurred_at, name, subject, key, person_id, source, historical, props, received_at)
    SELECT :shop_id, id, occurred_at, name, subject, key, person_id, source, historical, props, :now
    FROM given
    WHERE (SELECT id FROM events AS known WHERE known.shop_id = :shop_id AND known.id = given.id LIMIT 1) IS NULL
    ORDER BY ordinality
    ON CONFLICT DO NOTHING
    RETURNING id
), known AS MATERIALIZED (
    SELECT id FROM given WHERE id NOT IN (SELECT id FROM fact)
), mark AS (
    INSERT INTO exit_marks (shop_id, event_id, name, person_id, key, occurred_at, marked_at)
    SELECT :shop_id, event_id, name, person_id, key, occurred_at, :now
    FROM jsonb_to_recordset(CAST(:exit_marks AS jsonb)) AS marked
        (event_id uuid, name text, person_id bigint, key text, occurred_at timestamptz)
    WHERE event_id NOT IN (SELECT id FROM known)
    ON CONFLICT DO NOTHING
), told AS (
    INSERT INTO feed (shop_id, person_id, event_id, name, body, state, due_real, attempts)
    SELECT :shop_id, person_id, event_id, name, body, 'due', :machine, 0
    FROM ROWS FROM (jsonb_to_recordset(CAST(:feed AS jsonb)) AS
        (person_id bigint, event_id uuid, name text, body jsonb)) WITH ORDINALITY
    WHERE event_id NOT IN (SELECT id FROM known)
    ORDER BY ordinality
    ON CONFLICT DO NOTHING
    RETURNING person_id, id
), wished AS (
    INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts)
    SELECT :shop_id, 'events', person_id, max(id), 0, 'due', :machine, 0 FROM told GROUP BY person_id ORDER BY person_id
    ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
        wanted_version = greatest(sync_state.wanted_version + 1, excluded.wanted_version),
        state = CASE WHEN sync_state.state = 'leased' THEN 'leased' ELSE 'due' END,
        due_real = CASE WHEN sync_state.state IN ('due', 'leased') THEN sync_state.due_real ELSE excluded.due_real END
), undecided AS (
    SELECT * FROM jsonb_to_recordset(CAST(:pending_events AS jsonb)) AS undecided
        (person_id bigint, event_id uuid, occurred_at timestamptz)
    WHERE event_id NOT IN (SELECT id FROM known)
), noted AS (
    INSERT INTO pending_events (shop_id, person_id, event_id, occurred_at)
    SELECT :shop_id, person_id, event_id, occurred_at FROM undecided
    ON CONFLICT DO NOTHING
){announced}
INSERT INTO person_work (shop_id, person_id, pending, since_real)
SELECT :shop_id, person_id, true, :machine FROM (SELECT DISTINCT person_id FROM undecided) AS waiting
ORDER BY person_id
ON CONFLICT (shop_id, person_id) DO UPDATE SET pending = true, since_real = excluded.since_real
"""
_ANNOUNCED = """, announced AS (
    INSERT INTO webhook_deliveries
        (shop_id, endpoint_id, event_id, occurred_at, person_id, state, made_real, due_real, attempts, tries)
    SELECT :shop_id, endpoint.id, heard.event_id, heard.occurred_at, heard.person_id, 'due', :machine, :machine, 0, 0
    FROM jsonb_to_recordset(CAST(:webhook_deliveries AS jsonb)) AS heard
        (event_id uuid, name text, occurred_at timestamptz, person_id bigint)
    JOIN webhook_endpoints AS endpoint
        ON endpoint.shop_id = :shop_id AND endpoint.state = 'active' AND heard.name = ANY (endpoint.events)
    WHERE heard.event_id NOT IN (SELECT id FROM known)
    ON CONFLICT DO NOTHING
)"""
# Most shops have no address that is told anything, and pay nothing for it.
_WRITE, _WRITE_AND_ANNOUNCE = (text(_SQL.format(announced=one)) for one in ("", _ANNOUNCED))


def _write(scope: Scope, rows: Rows) -> None:
    """The events, and what follows from each."""
    by_table: dict[str, list[Mapping[str, Any]]] = {
        table: [] for table in ("events", "exit_marks", "feed", "pending_events", "webhook_deliveries")
    }
    for key, row in rows.items():
        by_table[key[0]].append(row)
    scope.connection.execute(
        _WRITE_AND_ANNOUNCE if by_table["webhook_deliveries"] else _WRITE,
        {
            "shop_id": scope.shop_id,
            "now": scope.now,
            "machine": scope.machine,
            **{table: orjson.dumps(found).decode() for table, found in by_table.items()},
        },
    )


def adopt(scope: Scope, subjects: Sequence[str], person_id: int, since: datetime) -> None:
    """Subjects have been identified: their events so far become this person's, the recent ones undecided.

    ``since``: events that occurred before it are history and start nothing. In a quiet scope none is decided; those
    that end flows are known to be this person's when a message is about to leave.
    """
    subjects = [one for one in subjects if scope.ahead.unowned.get(one, True)]
    if not subjects:
        return
    if any(key[0] == "events" and row["subject"] in subjects for key, row in scope.owed(_write).items()):
        scope.pay()
    rows = scope.connection.execute(
        _ADOPT, {"shop": scope.shop_id, "subjects": list(subjects), "adopter": person_id}
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
    # At once: what is owed may tell one of these facts again, which would change nothing.
    follow: Rows = {}
    if not scope.quiet:
        for event_id, fact in recent.items():
            _make_pending(scope, follow, person_id, event_id, fact.occurred_at)
        _feed(scope, follow, recent)
        _write(scope, follow)
    scope.connection.execute(
        update(exit_marks)
        .where(
            exit_marks.c.shop_id == scope.shop_id,
            exit_marks.c.event_id.in_(list(recent)),
            exit_marks.c.person_id.is_(None),
        )
        .values(person_id=person_id)
    )


_ADOPT = (
    update(events)
    .where(events.c.shop_id == bindparam("shop"), among(events.c.subject, "subjects"), events.c.person_id.is_(None))
    .values(person_id=bindparam("adopter"))
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
)
