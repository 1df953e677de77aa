"""T3: what happened becomes decisions. Persons are claimed, never events.

One transaction decides a batch of persons of one shop: their undecided events in the order in which they
occurred, then their due timers. ``now`` is taken once. For each stimulus, in this order: live runs hear of it
(goal, exit, wake-up), goals that outlived their runs are checked, signals are derived, flows are asked whether
the person enters. Everything is answered by the pure core and written at the end; every stimulus is logged with
its order and the facts that were read, so that it can be replayed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text

from connector import automations, eventlog
from connector.crashpoints import reach
from connector.db.rows import among
from connector.deps import Deps
from connector.logging import get
from connector.models.event import events, pending_events
from connector.models.flow import timers
from connector.outbox import SETTLED
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.core import signals
from flows.core.enrol import enrol
from flows.core.gate import Defer, Skip
from flows.core.goals import expected_key
from flows.core.handed_over import hand_over, is_handed_over, left_because
from flows.core.machine import advance
from flows.core.model import (
    Effect,
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    Happened,
    Note,
    Run,
    Stimulus,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.signals import Derived
from flows.engine.asking import ask, live_tags, may_be_written_to
from flows.engine.book import Book
from flows.engine.people import Person, load, shop_facts
from flows.engine.writes import Writes, clock_key, clock_row, run_timer_row, trail_row

log = get(__name__)

BATCH = 200


def decide_due(deps: Deps, shop: Shop) -> Batch:
    """Decide one batch of persons."""
    with deps.open(shop) as scope:
        claimed = _claim(scope)
        if not claimed:
            return NOTHING
        reach("t3.claimed")
        persons = [row.person_id for row in claimed]
        happened = _undecided(scope, [row.person_id for row in claimed if row.pending])
        fired = _due_timers(scope, [row.person_id for row in claimed if row.rings])
        book = Book(scope.connection, shop.id)
        writes = Writes(persons=set(persons))
        heard = book.listens() | signals.listens() | {SETTLED}
        idle = _pass_over(writes, persons, happened, fired, heard)
        tokens = {event.key for found in happened.values() for event in found if event.key}
        tokens |= {row.payload["key"] for found in fired.values() for row in found if row.kind == "signal"}
        known = load(scope, [person_id for person_id in persons if person_id not in idle], tokens=tokens)
        desk = _Desk(scope, book, shop_facts(scope), book.signal_settings(shop.settings), writes)
        for person_id in persons:
            if person_id in known:
                desk.serve(known[person_id], happened[person_id], fired[person_id])
        reach("t3.decided")
        writes.write(scope)
        reach("t3.written")
    return Batch(len(persons), len(persons) >= BATCH)


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


def _claim(scope: Scope) -> Sequence[Row[Any]]:
    """Lock persons with undecided events or due timers, in id order, leaving out those that others hold.

    Rows of (person_id, pending: has undecided events, rings: has due timers).
    """
    claimed = scope.connection.execute(_CLAIM, {"shop_id": scope.shop_id, "now": scope.now, "most": BATCH}).all()
    scope.locked.update(row.person_id for row in claimed)
    return claimed


# Persons with events are locked as they are counted, so that a batch is full however many of them others hold; due
# timers fill the rest of it. ``pending`` is read from the row that is locked, so an event that came while this
# statement ran is decided before the timers. A timer that was armed meanwhile, for a moment already past, waits for the
# next visit.
_CLAIM = text(
    """
WITH waiting AS MATERIALIZED (
    SELECT person_id, pending FROM person_work
    WHERE shop_id = :shop_id AND pending
    ORDER BY person_id LIMIT :most
    FOR UPDATE SKIP LOCKED
), ringing AS MATERIALIZED (
    SELECT person_id FROM timers
    WHERE shop_id = :shop_id AND due_at <= :now
    ORDER BY due_at LIMIT :most - (SELECT count(*) FROM waiting)
), others AS MATERIALIZED (
    SELECT person_id, pending FROM person_work
    WHERE shop_id = :shop_id
        AND person_id = ANY (ARRAY(SELECT person_id FROM ringing EXCEPT SELECT person_id FROM waiting))
    ORDER BY person_id
    FOR UPDATE SKIP LOCKED
)
SELECT person_id, pending, (
    SELECT true FROM timers
    WHERE timers.shop_id = :shop_id AND timers.person_id = waiting.person_id AND timers.due_at <= :now
    LIMIT 1
) IS NOT NULL AS rings
FROM waiting
UNION ALL
SELECT person_id, pending, true FROM others
ORDER BY person_id
"""
)


def _undecided(scope: Scope, persons: list[int]) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = defaultdict(list)
    if not persons:
        return found
    for row in scope.connection.execute(_UNDECIDED, {"shop_id": scope.shop_id, "persons": persons}):
        found[row.decided_for].append(
            Event(
                row.id,
                row.name,
                row.occurred_at,
                row.subject,
                row.key,
                row.person_id,
                row.props,
                row.historical,
                row.seq,
            )
        )
    return found


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


@dataclass
class _Desk:
    """Decides about one person after the other, in memory."""

    scope: Scope
    book: Book
    shop: Mapping[str, Any]
    signal_settings: signals.SignalSettings
    writes: Writes
    ordinal: int = 0

    def serve(self, person: Person, happened: list[Event], fired: list[Row[Any]]) -> None:
        """Events first, in their order, each with what is derived from it; then the timers that still stand."""
        for event in happened:
            self._all_of(person, [event])
            self.writes.decided.append((person.row["id"], event.id))
        for timer in fired:
            key = (timer.kind, timer.owner, timer.key)
            if key in self.writes.timers:
                # An event of this very batch cancelled it or armed it anew.
                continue
            self.writes.timers[key] = None
            if timer.kind == "signal":
                self._ring(person, timer)
            else:
                run = person.live.get(UUID(timer.owner))
                if run is not None:
                    self._move(person, run, TimerFired(timer.token))

    def _all_of(self, person: Person, found: list[Event]) -> None:
        queue = deque(found)
        while queue:
            event = queue.popleft()
            self._log(person, {"happened": event.to_json()})
            if event.name == SETTLED:
                self._settled(person, event)
                continue
            for run in list(person.live.values()):
                self._move(person, run, Happened(event))
            self._watch(person, event)
            if event.person_id != person.row["id"]:
                # It reached this person's runs by its key; the rest is the business of whose event it is.
                continue
            facts = self._facts(person, event.key)
            queue.extend(self._derived(person, signals.derive(event, facts, self.signal_settings, self.scope.now)))
            if not event.props.get("excluded"):
                for flow in self.book.active:
                    self._ask_in(person, flow, event)

    def _ring(self, person: Person, timer: Row[Any]) -> None:
        signal = timer.payload["signal"]
        self._log(person, {"clock": signal, "payload": timer.payload, "due_at": timer.due_at.isoformat()})
        facts = self._facts(person, timer.payload["key"])
        self._all_of(
            person,
            self._derived(person, signals.fire(signal, timer.payload["payload"], facts, self.scope.now)),
        )

    def _derived(self, person: Person, derived: Derived) -> list[Event]:
        """Write what a signal answered; returns the events that were new, to be decided next."""
        person_id = person.row["id"]
        for cancel in derived.cancel:
            self.writes.timers[clock_key(person_id, cancel.signal, cancel.key)] = None
        for arm in derived.arm:
            self.writes.timers[clock_key(person_id, arm.signal, arm.key)] = clock_row(person_id, arm)
        facts = [
            eventlog.Fact(
                new.name,
                new.identity,
                new.occurred_at,
                new.subject,
                person_id,
                new.key,
                new.props,
                source="signal",
            )
            for new in derived.events
        ]
        written = eventlog.append_decided(self.scope, facts)
        return [
            Event(event_id, f.name, f.occurred_at, f.subject, f.key, f.person_id, f.props)
            for event_id, f in written.items()
        ]

    def _watch(self, person: Person, event: Event) -> None:
        """Goals outlive runs: the watch stays open for its own time, whatever became of the run."""
        for watch in list(person.watches):
            matches = watch["match"] is None or watch["match"] == event.key
            in_time = watch["opened_at"] <= event.occurred_at <= watch["expires_at"]
            if event.name == watch["event"] and matches and in_time and not event.props.get("excluded"):
                person.watches.remove(watch)
                self.writes.goals_reached.append(
                    {"run_id": watch["run_id"], "reached_at": event.occurred_at, "reached_by": event.id}
                )

    def _ask_in(self, person: Person, flow: FlowVersion, event: Event) -> None:
        live = [run for run in person.live.values() if run.flow == flow.flow]
        facts = self._facts(person, event.key)
        answer = enrol(flow, event, live, person.past[flow.flow], facts, self.scope.now)
        if answer is None:
            return
        begun: Run | Note | Transition = answer
        if isinstance(answer, Run) and self.book.left_to_brevo(flow.flow):
            permitted = may_be_written_to(self.scope, flow, person)
            begun = hand_over(flow, answer, self.scope.now, permitted=permitted)
        if isinstance(begun, Note):
            self._trail(person, begun.code, flow=flow.flow, detail={"event": event.name, **begun.detail})
            return
        run = begun.run if isinstance(begun, Transition) else begun
        self.writes.new_runs[run.id] = run
        self._open_goal(flow, run)
        person.live[run.id] = run
        if isinstance(begun, Transition):
            self._take(person, begun)
            automations.enter(self.scope, run, self._facts(person, run.key))
        else:
            self._move(person, run, Entered())

    def _open_goal(self, flow: FlowVersion, run: Run) -> None:
        if flow.goal is None:
            return
        self.writes.goals_opened.append(
            {
                "run_id": run.id,
                "flow": flow.flow,
                "version": flow.version,
                "person_id": run.person_id,
                "event": flow.goal.event,
                "match": expected_key(flow, run),
                "opened_at": run.entered_at,
                "expires_at": run.entered_at + flow.goal.within,
            }
        )

    def _settled(self, person: Person, event: Event) -> None:
        run = person.live.get(UUID(event.props["run_id"]))
        if run is not None:
            told = event.props
            result = told.get("result", {})
            done = EffectDone(told["effect"], told["outcome"], told["reason"], event.occurred_at, result)
            self._move(person, run, done)

    def _move(self, person: Person, run: Run, stimulus: Stimulus) -> None:
        """Advance one run, then answer for the messages it wants until it parks or ends."""
        flow = self.book.published(run.flow, run.version).flow
        waiting: deque[Stimulus] = deque([stimulus])
        while waiting:
            transition = advance(flow, run, waiting.popleft(), self._facts(person, run.key), self.scope.now)
            if transition.run is run and not transition.trail:
                continue
            run = transition.run
            self._take(person, transition)
            for effect in transition.effects:
                done = self._want(person, flow, run, effect)
                if done is not None:
                    waiting.append(done)

    def _take(self, person: Person, transition: Transition) -> None:
        """Where the run is now and what is to be read of it; its effects are the caller's."""
        run = transition.run
        self._keep(person, run)
        for timer in transition.timers:
            row = run_timer_row(run, timer) if isinstance(timer, TimerSet) else None
            self.writes.timers[("run", str(run.id), timer.key)] = row
        for line in transition.trail:
            self._trail(person, line.code, run=run, step=line.step, detail=line.detail)
        if transition.cancel_effects:
            self._cancel(person, run)
        if run.state == "done" and is_handed_over(run):
            automations.leave(self.scope, run, left_because(run))

    def _keep(self, person: Person, run: Run) -> None:
        self.writes.moved_runs[run.id] = run
        if run.id in self.writes.new_runs:
            self.writes.new_runs[run.id] = run
        if run.state == "live":
            person.live[run.id] = run
        else:
            person.live.pop(run.id, None)

    def _cancel(self, person: Person, run: Run) -> None:
        """The run ended early: what it wanted sent and has not left yet will not leave."""
        reason = f"run_{run.outcome}"
        self.writes.cancelled[run.id] = reason
        kept = []
        for row in self.writes.outbox:
            if row["run_id"] == run.id and row["state"] == "due":
                row = {**row, "state": "skipped", "reason": reason}
            kept.append(row)
        self.writes.outbox[:] = kept

    def _want(self, person: Person, flow: FlowVersion, run: Run, effect: Effect) -> EffectDone | None:
        """Put a message into the outbox, as the gate says; a skip is answered to the run at once. An action is asked
        about when it is to be done."""
        row: dict[str, Any] = {
            "key": effect.key,
            "run_id": run.id,
            "flow": run.flow,
            "version": run.version,
            "person_id": run.person_id,
            "step": effect.step,
            "channel": effect.channel,
            "message": effect.message,
            "data": effect.data,
            "purpose": effect.purpose,
            "priority": effect.priority,
            "state": "due",
            "reason": None,
            "created_at": self.scope.now,
            "due_at": effect.due_at,
            "deadline": effect.deadline,
            "deferrals": 0,
            "attempts": 0,
        }
        if not effect.message:
            self.writes.outbox.append(row)
            return None
        verdict = ask(self.scope, self.book, flow, person, row)
        self._log(person, {"gate": effect.key, "verdict": type(verdict).__name__.lower()})
        if isinstance(verdict, Skip):
            row.update(state="skipped", reason=verdict.reason)
            self._trail(
                person,
                "gate_skip",
                run=run,
                step=effect.step,
                detail={"reason": verdict.reason, **verdict.detail},
            )
        elif isinstance(verdict, Defer):
            row.update(due_at=verdict.until, reason=verdict.reason, deferrals=1)
            detail = {"reason": verdict.reason, "until": verdict.until.isoformat(), **verdict.detail}
            self._trail(person, "gate_defer", run=run, step=effect.step, detail=detail)
        self.writes.outbox.append(row)
        if isinstance(verdict, Skip):
            return EffectDone(effect.key, "skipped", verdict.reason, self.scope.now)
        return None

    def _facts(self, person: Person, key: str | None) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "person": person.facts(),
            "shop": self.shop,
            "flows": {"live_tags": live_tags(self.book, person)},
        }
        if key and key in person.checkouts:
            facts["checkout"] = person.checkouts[key]
        return facts

    def _log(self, person: Person, stimulus: Mapping[str, Any]) -> None:
        self.ordinal += 1
        self.writes.decisions.append(
            {
                "shop_id": self.scope.shop_id,
                "person_id": person.row["id"],
                "at": self.scope.now,
                "ordinal": self.ordinal,
                "stimulus": dict(stimulus),
                "facts": {
                    "person": person.facts(),
                    "live": [str(run_id) for run_id in person.live],
                    "ledger": [row.counted_at.isoformat() for row in person.ledger],
                },
            }
        )

    def _trail(
        self,
        person: Person,
        code: str,
        *,
        run: Run | None = None,
        flow: str | None = None,
        step: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self.writes.trail.append(
            trail_row(
                self.scope,
                person.row["id"],
                code,
                run_id=run.id if run else None,
                flow=run.flow if run else flow,
                step=step,
                detail=detail,
            )
        )
