"""The desk on trial: what it would decide of something that has not happened, in memory and for nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from connector.scope import Scope
from flows.core.enrol import Answered, examine
from flows.core.model import Event, FlowVersion, PastRun, Run
from flows.core.signals import SignalSettings
from flows.engine import visits
from flows.engine.book import Book
from flows.engine.desk import Desk
from flows.engine.people import Person, shop_facts
from flows.engine.writes import Writes

NAMESPACE = UUID("5c1d7f3e-8a43-5d0b-9a51-0b6e7b9d2f10")


@dataclass(frozen=True)
class Rehearsal:
    """What the desk decided. ``rules``: what each rule of entering answered when the flow was asked; None when it was
    not. ``writes``: what would have been written; ``person``: as they would stand then."""

    rules: tuple[Answered, ...] | None
    writes: Writes
    person: Person


class Stage:
    """Where desks are set up that write nothing. ``scope``: of a transaction that may be one for reading only."""

    def __init__(self, scope: Scope, book: Book) -> None:
        self.scope = scope
        self.book = book

    @cached_property
    def _shop(self) -> dict[str, Any]:
        return shop_facts(self.scope, self.book.needs())

    @cached_property
    def _settings(self) -> SignalSettings:
        return self.book.signal_settings(self.scope.shop.settings)

    def at(self, moment: datetime) -> Scope:
        """The surroundings as of a moment. What somebody owes to it is never paid."""
        return Scope(self.scope.connection, self.scope.shop, moment, self.scope.machine, self.scope.settings)

    def desk(self, at: datetime, happened: Sequence[Event] = (), fired: Sequence[Any] = ()) -> Desk:
        """A desk as of this moment for what is to be decided then, as of `serve`. What it writes nobody writes down."""
        return visits.desk(self.at(at), self.book, self._shop, self._settings, happened, fired, Writes())

    @cached_property
    def _reader(self) -> Desk:
        return self.desk(self.scope.now)

    def facts(self, person: Person, key: str | None) -> dict[str, Any]:
        """What is known when something of this person is decided."""
        return self._reader.facts(person, key)

    def rehearse(self, person: Person, flow: FlowVersion, event: Event) -> Rehearsal:
        """What would be decided if `event` happened now, with all that follows from it; what `flow` is asked then."""
        seen: list[tuple[Answered, ...]] = []

        def look_on(asked: FlowVersion, of: Event, live: Sequence[Run], past: Sequence[PastRun], facts: Any) -> None:
            if (asked.flow, of.id) == (flow.flow, event.id):
                seen.append(examine(asked, of, live, past, facts, self.scope.now))

        desk, someone = self.desk(self.scope.now, [event]), copied(person)
        desk.onlooker = look_on
        desk.serve(someone, [event], [])
        return Rehearsal(seen[0] if seen else None, desk.writes, someone)


def copied(person: Person) -> Person:
    """The same person, of whom a desk may think what it likes."""
    past = defaultdict(list, {flow: list(entered) for flow, entered in person.past.items()})
    return replace(
        person,
        live=dict(person.live),
        past=past,
        suppressed=dict(person.suppressed),
        watches=list(person.watches),
        ledger=list(person.ledger),
        due=list(person.due),
    )


def once_more(event: Event, flow: FlowVersion, now: datetime) -> Event:
    """The same event as if it happened now; what its clock counts from keeps its distance."""
    props = dict(event.props)
    anchor = props.get("anchor_at")
    if isinstance(anchor, str):
        props["anchor_at"] = (datetime.fromisoformat(anchor) + (now - event.occurred_at)).isoformat()
    again = uuid5(NAMESPACE, f"{flow.flow}:{event.id}:{now.isoformat()}")
    return replace(event, id=again, occurred_at=now, props=props, historical=False)
