"""T3: what happened becomes decisions. Persons are claimed, never events.

One transaction decides a batch of persons of one shop: their undecided events in the order in which they
occurred, then their due timers (``flows.engine.desk``). ``now`` is taken once. Everything is answered by the pure
core and written at the end; every stimulus is logged with its order and the facts that were read, so that it can be
replayed.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import Any

from sqlalchemy import Row, bindparam, select

from connector.crashpoints import reach
from connector.db.rows import among
from connector.deps import Deps
from connector.models.flow import timers
from connector.outbox import SETTLED
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.core import signals, standing
from flows.core.model import Event
from flows.engine import behaviour, changes, visits
from flows.engine.book import Book
from flows.engine.people import load, shop_facts
from flows.engine.turns import claim
from flows.engine.undecided import undecided
from flows.engine.writes import Writes

BATCH = 200


def decide_due(deps: Deps, shop: Shop) -> Batch:
    """Decide one batch of persons."""
    with deps.open(shop) as scope:
        claimed = claim(scope, BATCH, deps.horizons)
        if not claimed:
            return NOTHING
        reach("t3.claimed")
        persons = [row.person_id for row in claimed]
        happened = undecided(scope, [row.person_id for row in claimed if row.pending])
        fired = _due_timers(scope, [row.person_id for row in claimed if row.rings])
        book = Book(scope.connection, shop.id)
        writes = Writes(persons=set(persons))
        asked = book.signal_settings(shop.settings)
        heard = book.listens() | signals.listens(asked.heard) | behaviour.telling_points(shop, asked.heard)
        heard |= standing.OF_RUNS | {SETTLED, changes.AGREED}
        idle = _pass_over(writes, persons, happened, fired, heard)
        tokens = {event.key for found in happened.values() for event in found if event.key}
        tokens |= {row.payload["key"] for found in fired.values() for row in found if row.kind == "signal"}
        known = load(scope, [person_id for person_id in persons if person_id not in idle], tokens=tokens)
        every, rung = chain(*happened.values()), chain(*fired.values())
        desk = visits.desk(scope, book, shop_facts(scope, book.needs()), asked, every, rung, writes)
        desk.look_ahead(known, happened, fired)
        desk.behaviour.note_idle({person_id: happened[person_id] for person_id in idle})
        for person_id in persons:
            if person_id in known:
                desk.serve(known[person_id], happened[person_id], fired[person_id])
        reach("t3.decided")
        writes.write(scope)
        reach("t3.written")
    # A batch is full of persons, or of timers of fewer persons.
    return Batch(len(persons), max(len(persons), sum(len(found) for found in fired.values())) >= BATCH)


def _pass_over(
    writes: Writes,
    persons: list[int],
    happened: dict[int, list[Event]],
    fired: dict[int, list[Row[Any]]],
    heard: frozenset[str],
) -> set[int]:
    """Persons with nothing but events that no flow and no signal listens to: there is nothing to decide."""
    idle = {
        person_id
        for person_id in persons
        if not fired.get(person_id) and not any(event.name in heard for event in happened.get(person_id, ()))
    }
    writes.decided += [(person_id, event.id) for person_id in idle for event in happened.get(person_id, ())]
    return idle


def _due_timers(scope: Scope, persons: list[int]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    if not persons:
        return found
    given = {"shop_id": scope.shop_id, "persons": persons, "now": scope.now}
    for row in scope.connection.execute(_DUE_TIMERS, given):
        found[row.person_id].append(row)
    return found


_DUE_TIMERS = (
    select(timers)
    .where(
        timers.c.shop_id == bindparam("shop_id"),
        among(timers.c.person_id, "persons"),
        timers.c.due_at <= bindparam("now"),
    )
    .order_by(timers.c.due_at, timers.c.kind, timers.c.owner, timers.c.key)
)
