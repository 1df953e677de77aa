"""What steps change here, in the transaction of the decision: one function and one line of CHANGES each.

No platform is asked. What is to be decided about is told as events, which are decided next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid5

from sqlalchemy import delete, tuple_
from sqlalchemy.dialects.postgresql import insert

from connector.event_mapping import bounded
from connector.eventlog import Fact
from connector.models.person import suppressions
from connector.scope import Scope
from connector.suppression import SUNSET, address_digest
from flows.channels import CHANNELS
from flows.core import standing
from flows.core.model import Change, Event, Note, Run
from flows.core.steps.event import CHANGE as EVENT
from flows.core.steps.move_to import ENTER
from flows.core.steps.score import CHANGE as SCORE
from flows.core.vocabulary import CUSTOM
from flows.engine.behaviour import Behaviour
from flows.engine.book import Book
from flows.engine.people import Person

LARGEST_PROPERTIES = 4_096
"""Bytes of JSON that an event of the merchant's own carries, as when the events API tells it."""
AGREED = "consent_changed"
"""The event with which somebody who is left alone may be written to again."""


@dataclass(frozen=True)
class Made:
    """What came of a change: events to be decided, lines for the trail, and what only signals hear."""

    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()
    heard: tuple[Event, ...] = ()


Make = Callable[[Scope, Book, Behaviour, Person, Run, Change], Made]


def make(scope: Scope, book: Book, behaviour: Behaviour, person: Person, run: Run, change: Change) -> Made:
    """Carry it out under the person's lock. Raises LookupError for a kind that nobody knows."""
    return CHANGES[change.kind](scope, book, behaviour, person, run, change)


def _enter(scope: Scope, book: Book, behaviour: Behaviour, person: Person, run: Run, change: Change) -> Made:
    """Put the person into another flow, with the event that ended this one, else with what this one began with."""
    flow, event = change.data["flow"], change.data.get("event")
    if all(one.flow != flow for one in book.active):
        return Made(notes=(Note("not_let_in", {"flow": flow}),))
    props, key, at = (
        (event["props"], event["key"], datetime.fromisoformat(event["occurred_at"]))
        if event
        else (run.trigger, run.key or None, scope.now)
    )
    told = standing.handed_on(run, props, scope.now)
    fact = Fact(
        standing.moved(flow), change.key, at, f"run:{run.id}", run.person_id, key=key, props=told, source="flow"
    )
    return Made((fact,))


def _suppress(scope: Scope, book: Book, behaviour: Behaviour, person: Person, run: Run, change: Change) -> Made:
    """Send the addresses that they have now no marketing any more. What stands there for another reason stays."""
    addresses = {channel: CHANNELS[channel].address(person.row) for channel in change.data["channels"]}
    rows = [
        {
            "shop_id": scope.shop_id,
            "channel": channel,
            "address_digest": address_digest(scope.shop.salt, address),
            "reason": SUNSET,
            "since": scope.now,
        }
        for channel, address in addresses.items()
        if address
    ]
    for row in rows:
        scope.owed(_write_suppressions)[row["channel"], row["address_digest"]] = row
        person.suppressed.setdefault(str(row["channel"]), SUNSET)
    return Made()


def lift(scope: Scope, person: Person, event: Event) -> None:
    """Whoever agrees anew is no longer left alone on that channel."""
    channel = event.props["channel"]
    if event.props["new"] != "subscribed" or person.suppressed.get(channel) != SUNSET:
        return
    address = CHANNELS[channel].address(person.row)
    scope.owed(_write_suppressions)[channel, address_digest(scope.shop.salt, address or "")] = None
    del person.suppressed[channel]


def _write_suppressions(scope: Scope, rows: dict[Any, Any]) -> None:
    """Whom to leave alone, by channel and address; None: not any more."""
    lifted = [key for key, row in rows.items() if row is None]
    if lifted:
        scope.connection.execute(
            delete(suppressions).where(
                suppressions.c.shop_id == scope.shop_id,
                tuple_(suppressions.c.channel, suppressions.c.address_digest).in_(lifted),
                suppressions.c.reason == SUNSET,
            )
        )
    if added := [row for row in rows.values() if row is not None]:
        scope.connection.execute(insert(suppressions).on_conflict_do_nothing(), added)


def _score(scope: Scope, book: Book, behaviour: Behaviour, person: Person, run: Run, change: Change) -> Made:
    """Points more or less, at once and counted once: the run has moved on in the same transaction."""
    cause = Event(uuid5(run.id, change.key), change.kind, scope.now, f"run:{run.id}", None, run.person_id, change.data)
    heard = [one for name, points in change.data.items() for one in behaviour.score(person, name, points, cause)]
    return Made(heard=tuple(heard))


def _event(scope: Scope, book: Book, behaviour: Behaviour, person: Person, run: Run, change: Change) -> Made:
    """Tell an event of the merchant's own, which is decided next."""
    name = change.data["name"]
    props = {
        "name": name.removeprefix(CUSTOM),
        "properties": bounded(change.data["properties"], LARGEST_PROPERTIES),
        standing.CAUSED_BY: standing.causes(run, scope.now),
    }
    return Made((Fact(name, change.key, scope.now, f"run:{run.id}", run.person_id, props=props, source="flow"),))


CHANGES: Mapping[str, Make] = {ENTER: _enter, "suppress": _suppress, SCORE: _score, EVENT: _event}
