"""How people behave, on PostgreSQL: what is remembered of them changes in the transaction that decides about the event,
so that each counts once, in the person's own order.

``flows.core.activity`` says what is remembered; here it is read and written, and given to flows as facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from connector.db.rows import among
from connector.models.activity import activities
from connector.models.mapping import profile_passes
from connector.models.person import consents, persons
from connector.scope import Scope
from connector.shops import Shop
from connector.signal_settings import chosen
from flows.core import activity, behaviour_facts, rfm, scores, segments
from flows.core.activity import NOTED, Activity, Noted
from flows.core.conditions import Condition
from flows.core.model import Event
from flows.core.permission import ANY, PROFILING
from flows.core.scores import Scoring
from flows.core.segments import Membership
from flows.core.signals import SIGNALS
from flows.core.signals.score_reached import NAME as REACHED
from flows.engine.people import Person

FAMILIES = frozenset({"activity", "opens", "score", "rfm", segments.FAMILY})
"""The families of facts that are given here."""
LOOKS = "looks"
"""And one more that only signals read: what they count."""
_OBJECTED = "unsubscribed"


def _scoring(shop: Shop) -> Mapping[str, Scoring]:
    return scores.scoring(chosen(shop.settings, "scores"))


def telling_points(shop: Shop, heard: Collection[str]) -> frozenset[str]:
    """The events that may have to be decided about because points are told to somebody."""
    return scores.listens(_scoring(shop)) if REACHED in heard else frozenset()


@dataclass
class Behaviour:
    """The shop's rules for it, and what is to be written.

    ``wanted``: whether anything that is decided reads it; ``changed``: whose memory is another one now.
    """

    scope: Scope
    scoring: Mapping[str, Scoring]
    segments: Mapping[str, Condition]
    borders: rfm.Borders
    wanted: bool
    changed: dict[int, Activity]
    foretold: dict[UUID, tuple[Activity, Noted]] = field(default_factory=dict)
    """What noting an event came to, by its id, and what was remembered before."""

    @classmethod
    def of(
        cls, scope: Scope, needs: Collection[str], heard: Collection[str], changed: dict[int, Activity]
    ) -> Behaviour:
        """``needs``: the families that flows read; ``heard``: the events that somebody hears of; ``changed``: where
        to put what is to be written (``flows.engine.writes``)."""
        settings = scope.shop.settings
        needs = frozenset(needs).union(*(SIGNALS[name].needs for name in heard if name in SIGNALS))
        drawn = None
        if needs & {"rfm", segments.FAMILY}:
            drawn = scope.connection.scalar(_BORDERS, {"shop_id": scope.shop_id})
        return cls(
            scope,
            _scoring(scope.shop),
            segments.of_shop(settings["segments"]),
            rfm.Borders.of(drawn),
            bool(needs & FAMILIES),
            changed,
        )

    @cached_property
    def _giving_points(self) -> frozenset[str]:
        return scores.listens(self.scoring)

    def events(self) -> frozenset[str]:
        """The names of the events that change what is remembered."""
        return NOTED | self._giving_points

    def note(self, person: Person, event: Event) -> Sequence[Event]:
        """Remember an event of this person; what signals hear of it besides the event itself."""
        noted = self._noted(person, event)
        return () if noted is None else self._take(person, noted)

    def foretell(self, person: Person, event: Event) -> Sequence[Event]:
        """What signals will hear of it, if nothing else of this person is noted before. Nothing is remembered."""
        noted = self._noted(person, event)
        return () if noted is None else noted.changes

    def _noted(self, person: Person, event: Event) -> Noted | None:
        if not _remembered(person) or event.name not in self.events():
            return None
        before, noted = self.foretold.get(event.id, (None, None))
        if before is not person.activity:
            noted = activity.note(person.activity, event, self.scoring, self.scope.now, profiled=_profiled(person))
            self.foretold[event.id] = person.activity, noted
        return noted

    def score(self, person: Person, name: str, points: int, cause: Event) -> Sequence[Event]:
        """So many points more for this person, as a step of a flow says; what signals hear of it."""
        if name not in self.scoring or not _remembered(person) or not _profiled(person):
            return ()
        now = self.scope.now
        return self._take(person, activity.score(person.activity, name, points, self.scoring[name], now, cause=cause))

    def _take(self, person: Person, noted: Noted) -> Sequence[Event]:
        if noted.activity != person.activity:
            person.activity = noted.activity
            person.behaviour = None
            self.changed[person.row["id"]] = noted.activity
        return noted.changes

    def note_idle(self, happened: Mapping[int, Sequence[Event]]) -> None:
        """Remember the events of people of whom nothing else is decided. {person id: their events, in order}"""
        named = self.events()
        asked = {
            person_id: found
            for person_id, every in happened.items()
            if (found := [one for one in every if one.name in named and one.person_id == person_id])
        }
        if not asked:
            return
        given = {"shop_id": self.scope.shop_id, "ids": list(asked)}
        for row in self.scope.connection.execute(_STATES, given):
            before = now = activity.from_json(row.state)
            for event in asked[row.id]:
                now = activity.note(now, event, self.scoring, self.scope.now, profiled=not row.objected).activity
            if now != before:
                self.changed[row.id] = now

    def facts(self, person: Person, known: Mapping[str, Any]) -> dict[str, Any]:
        """The families of FAMILIES, ``segment`` from ``known`` and the others; none when nothing reads them."""
        if not self.wanted:
            return {}
        if person.behaviour is None:
            person.behaviour = self._families(person)
        found = dict(person.behaviour)
        found[segments.FAMILY] = Membership(self.segments, {**known, **found}, self.scope.now)
        return found

    def _families(self, person: Person) -> dict[str, Any]:
        row, now, profiled = person.row, self.scope.now, _profiled(person)
        own = person.activity if profiled else activity.signs_of_life(person.activity)
        since = max([row["created_at"], *([live] if (live := self.scope.shop.live_since) else [])])
        found: dict[str, Any] = {
            "activity": behaviour_facts.activity(own, now, known_since=since, last_order_at=row["last_order_at"]),
            LOOKS: {
                "products": own.products.to_json(),
                "categories": own.categories.to_json(),
                "search": own.search,
            },
        }
        if (opens := behaviour_facts.opens(own, tracked=person.track_opens)) is not None:
            found["opens"] = opens
        if profiled:
            found["score"] = behaviour_facts.score(own, self.scoring, now)
            found["rfm"] = rfm.facts(row, self.borders)
        return found


def _remembered(person: Person) -> bool:
    return person.row["erased_at"] is None and person.row["merged_into"] is None


def _profiled(person: Person) -> bool:
    consent = person.consents.get((ANY, PROFILING))
    return consent is None or consent.state != _OBJECTED


_STATES = (
    select(
        persons.c.id,
        activities.c.state,
        select(consents.c.person_id)
        .where(
            consents.c.shop_id == persons.c.shop_id,
            consents.c.person_id == persons.c.id,
            consents.c.channel == ANY,
            consents.c.purpose == PROFILING,
            consents.c.state == _OBJECTED,
        )
        .exists()
        .label("objected"),
    )
    .outerjoin(activities, (activities.c.shop_id == persons.c.shop_id) & (activities.c.person_id == persons.c.id))
    .where(
        persons.c.shop_id == bindparam("shop_id"),
        among(persons.c.id, "ids"),
        persons.c.erased_at.is_(None),
        persons.c.merged_into.is_(None),
    )
)
_BORDERS = select(profile_passes.c.borders).where(profile_passes.c.shop_id == bindparam("shop_id"))
