"""Deciding about one person after the other, in memory, within one visit of T3.

For each stimulus, in this order: live runs hear of it (goal, exit, beginning anew, wake-up), goals that outlived their
runs are checked, signals are derived, flows are asked whether the person enters. What a decision brings about that is
itself an event (a move into another flow) is decided next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from connector import automations, eventlog
from connector.outbox import SETTLED
from connector.scope import Scope
from flows.core import signals, standing
from flows.core.carrying_over import carry_over
from flows.core.enrol import enrol, run_id
from flows.core.gate import Defer, Skip
from flows.core.goals import expected_key
from flows.core.handed_over import hand_over, is_handed_over, left_because
from flows.core.machine import RESTARTED, advance
from flows.core.model import (
    Change,
    Effect,
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    Happened,
    Note,
    PastRun,
    Run,
    Stimulus,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.signals import Derived
from flows.engine import changes
from flows.engine.asking import ask, live_tags, may_be_written_to
from flows.engine.behaviour import Behaviour
from flows.engine.book import Book
from flows.engine.people import Person
from flows.engine.writes import Writes, clock_key, clock_row, effect_row, run_timer_row, token_of, trail_row

NOTHING: Mapping[str, Any] = {}
Onlooker = Callable[[FlowVersion, Event, Sequence[Run], Sequence[PastRun], Mapping[str, Any]], None]
"""Sees what `enrol` is asked (flows/engine/explaining)."""
Follower = Callable[[Transition, Mapping[str, Any]], None]
"""Sees each move of a run, with the facts that it was decided on (flows/engine/trying)."""


@dataclass
class Desk:
    """Decides about one person after the other, in memory."""

    scope: Scope
    book: Book
    shop: Mapping[str, Any]
    signal_settings: signals.SignalSettings
    writes: Writes
    ordinal: int = 0
    onlooker: Onlooker | None = None
    follower: Follower | None = None
    products: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is known of products that were ordered, by id as text."""
    clocks: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """What the clocks that ring look at, by owner and key."""
    logged: set[int] = field(default_factory=set)
    """Persons who have a line of this visit in the log of decisions."""
    told: list[Event] = field(default_factory=list)
    """Events that decisions have brought about and that are not decided yet."""
    behaviour: Behaviour = field(init=False)

    def __post_init__(self) -> None:
        self.behaviour = Behaviour.of(self.scope, self.book.needs(), self.signal_settings.heard, self.writes.activities)

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
                    token = token_of(timer)
                    self._log(person, {"timer": token, "due_at": timer.due_at.isoformat()})
                    self._move(person, run, TimerFired(token))
                    self._all_of(person, [])

    def look_ahead(
        self,
        people: Mapping[int, Person],
        happened: Mapping[int, Sequence[Event]],
        fired: Mapping[int, Sequence[Row[Any]]],
    ) -> None:
        """Ask for all of them at once which of the events that will be derived are known already.

        What is derived here is derived again when its turn comes: asking for each by itself would take much longer.
        """
        found: list[eventlog.Fact] = []
        for person_id, person in people.items():
            for event in happened[person_id]:
                if event.person_id == person_id:
                    derived = signals.derive(event, self._facts_of(person, event), self.signal_settings, self.scope.now)
                    found += facts_of(person_id, derived)
                    for heard in self.behaviour.foretell(person, event):
                        told = self.facts(person, None)
                        found += facts_of(person_id, signals.derive(heard, told, self.signal_settings, self.scope.now))
            for timer in fired[person_id]:
                if timer.kind == "signal":
                    found += facts_of(person_id, self._fired(person, timer))
        eventlog.look_ahead(self.scope, found)

    def _all_of(self, person: Person, found: list[Event]) -> None:
        queue = deque(found)
        while queue or self.told:
            queue.extend(self.told)
            self.told.clear()
            event = queue.popleft()
            self._log(person, {"happened": event.to_json()})
            if event.name == SETTLED:
                self._settled(person, event)
                continue
            if event.name == standing.NEW_VERSION:
                self._carry_over(person, event)
                continue
            if event.name == changes.AGREED:
                changes.lift(self.scope, person, event)
            scored: Sequence[Event] = ()
            if event.person_id == person.row["id"]:
                scored = self.behaviour.note(person, event)
            for run in list(person.live.values()):
                self._move(person, run, Happened(event))
            if event.name in standing.OF_RUNS:
                continue
            self._watch(person, event)
            if event.person_id != person.row["id"]:
                # It reached this person's runs by its key; the rest is the business of whose event it is.
                continue
            facts = self._facts_of(person, event)
            derived = signals.derive(event, facts, self.signal_settings, self.scope.now)
            queue.extend(self._derived(person, derived, event.props))
            queue.extend(self._signals_of(person, scored, event.props))
            if not event.props.get("excluded"):
                for flow in self.book.active:
                    self._ask_in(person, flow, event)

    def _ring(self, person: Person, timer: Row[Any]) -> None:
        signal = timer.payload["signal"]
        read = self.clocks.get((timer.owner, timer.key), {})
        rung = {"clock": signal, "payload": timer.payload, "due_at": timer.due_at.isoformat()}
        self._log(person, {**rung, **({"read": read} if read else {})})
        self._all_of(person, self._derived(person, self._fired(person, timer)))

    def _facts_of(self, person: Person, event: Event) -> dict[str, Any]:
        return {**self.facts(person, event.key), "products": self.products}

    def _fired(self, person: Person, timer: Row[Any]) -> Derived:
        read = self.clocks.get((timer.owner, timer.key), {})
        facts = {**self.facts(person, timer.payload["key"]), **read}
        return signals.fire(timer.payload["signal"], timer.payload["payload"], facts, self.scope.now)

    def _derived(self, person: Person, derived: Derived, cause: Mapping[str, Any] = NOTHING) -> list[Event]:
        """Write what a signal answered; returns the events that were new, to be decided next. ``cause``: the properties
        of what it is derived from, of which it keeps whose doing that was."""
        person_id = person.row["id"]
        for cancel in derived.cancel:
            self.writes.timers[clock_key(person_id, cancel.signal, cancel.key)] = None
        for arm in derived.arm:
            self.writes.timers[clock_key(person_id, arm.signal, arm.key)] = clock_row(person_id, arm)
        facts = facts_of(person_id, derived)
        if standing.CAUSED_BY in cause:
            doing = {standing.CAUSED_BY: cause[standing.CAUSED_BY]}
            facts = [replace(fact, props={**fact.props, **doing}) for fact in facts]
        return self._written(eventlog.append_decided(self.scope, facts))

    def _signals_of(self, person: Person, heard: Sequence[Event], cause: Mapping[str, Any] = NOTHING) -> list[Event]:
        """What is derived from what only signals hear."""
        found = (signals.derive(one, self.facts(person, None), self.signal_settings, self.scope.now) for one in heard)
        return [new for derived in found for new in self._derived(person, derived, cause)]

    def _written(self, written: Mapping[UUID, eventlog.Fact]) -> list[Event]:
        return [
            Event(event_id, f.name, f.occurred_at, f.subject, f.key, f.person_id, f.props)
            for event_id, f in written.items()
        ]

    def _watch(self, person: Person, event: Event) -> None:
        """Goals outlive runs: the watch stays open for its own time, whatever became of the run."""
        for watch in list(person.watches):
            matches = watch["match"] is None or watch["match"] == event.key
            in_time = watch["opened_at"] <= event.occurred_at <= watch["expires_at"]
            mine = event.props.get("run_id", str(watch["run_id"])) == str(watch["run_id"])
            counts = matches and in_time and mine and not event.props.get("excluded")
            if event.name == watch["event"] and counts:
                person.watches.remove(watch)
                reached = {"reached_at": event.occurred_at, "reached_by": event.id}
                if (opened := self._opened(watch["run_id"])) is not None:
                    opened.update(reached)
                else:
                    self.writes.goals_reached.append({"run_id": watch["run_id"], **reached})

    def _opened(self, run_id: UUID) -> dict[str, Any] | None:
        """The watch of this run, if it was opened in this very visit."""
        return next((row for row in self.writes.goals_opened if row["run_id"] == run_id), None)

    def _ask_in(self, person: Person, flow: FlowVersion, event: Event) -> None:
        live = [run for run in person.live.values() if run.flow == flow.flow]
        if any(run.id == run_id(flow.flow, event.id) for run in live):
            # It has begun anew with this very event.
            return
        facts = self.facts(person, event.key)
        if self.onlooker is not None:
            self.onlooker(flow, event, live, person.past[flow.flow], facts)
        answer = enrol(flow, event, live, person.past[flow.flow], facts, self.scope.now)
        if answer is not None:
            self._begin(person, flow, event, answer)

    def _begin_anew(self, person: Person, flow: FlowVersion, ended: Run, event: Event) -> None:
        """In place of the run that this event has ended; whoever was inside stays with the version they entered."""
        opened = self._opened(ended.id)
        if opened is not None:
            self.writes.goals_opened.remove(opened)
        self.writes.goals_closed.append(ended.id)
        person.watches[:] = [watch for watch in person.watches if watch["run_id"] != ended.id]
        facts = self.facts(person, event.key)
        live = [run for run in person.live.values() if run.flow == flow.flow]
        answer = enrol(flow, event, live, person.past[flow.flow], facts, self.scope.now, anew=True)
        if answer is not None:
            self._begin(person, flow, event, answer)

    def _begin(self, person: Person, flow: FlowVersion, event: Event, answer: Run | Note) -> None:
        begun: Run | Note | Transition = answer
        if isinstance(answer, Run) and self.book.left_to_brevo(flow.flow):
            permitted = may_be_written_to(self.scope, flow, person)
            begun = hand_over(flow, answer, self.scope.now, permitted=permitted)
        if isinstance(begun, Note):
            about = {"event": event.name, "event_id": str(event.id)}
            self._trail(person, begun.code, flow=flow.flow, detail={**about, **begun.detail})
            return
        run = begun.run if isinstance(begun, Transition) else begun
        self.writes.new_runs[run.id] = run
        self._open_goal(person, flow, run)
        person.live[run.id] = run
        if isinstance(begun, Transition):
            self._take(person, begun)
            automations.enter(self.scope, run, self.facts(person, run.key))
        else:
            self._move(person, run, Entered())

    def _open_goal(self, person: Person, flow: FlowVersion, run: Run) -> None:
        if flow.goal is None:
            return
        watch = {
            "run_id": run.id,
            "flow": flow.flow,
            "version": flow.version,
            "person_id": run.person_id,
            "event": flow.goal.event,
            "match": expected_key(flow, run),
            "opened_at": run.entered_at,
            "expires_at": run.entered_at + flow.goal.within,
        }
        self.writes.goals_opened.append(watch)
        person.watches.append(watch)

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
            facts = self.facts(person, run.key)
            transition = advance(flow, run, waiting.popleft(), facts, self.scope.now)
            if transition.run is run and not transition.trail:
                continue
            if self.follower is not None:
                self.follower(transition, facts)
            run = transition.run
            waiting.extend(self._answer_for(person, flow, transition))
        if run.outcome == RESTARTED and isinstance(stimulus, Happened):
            self._begin_anew(person, flow, run, stimulus.event)

    def _carry_over(self, person: Person, event: Event) -> None:
        """The person's runs in these versions go on in another one."""
        to = self.book.published(event.props["flow"], event.props["to"]).flow
        for run in [one for one in person.live.values() if standing.means(event, one)]:
            left = self.book.published(run.flow, run.version).flow
            steps, facts = event.props["steps"], self.facts(person, run.key)
            transition = carry_over(left, to, run, steps, facts, self.scope.now)
            for stimulus in self._answer_for(person, to, transition):
                self._move(person, transition.run, stimulus)

    def _answer_for(self, person: Person, flow: FlowVersion, transition: Transition) -> list[Stimulus]:
        """Take the transition and its effects; what became of those that the gate has answered at once."""
        self._take(person, transition)
        answered = (self._want(person, flow, transition.run, effect) for effect in transition.effects)
        return [done for done in answered if done is not None]

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
        for change in transition.changes:
            self._change(person, run, change)
        if run.state == "done" and is_handed_over(run):
            automations.leave(self.scope, run, left_because(run))

    def _change(self, person: Person, run: Run, change: Change) -> None:
        made = changes.make(self.scope, self.book, self.behaviour, person, run, change)
        for note in made.notes:
            self._trail(person, note.code, run=run, step=change.step or None, detail=note.detail)
        self.told += self._written(eventlog.append_decided(self.scope, made.facts))
        doing = {standing.CAUSED_BY: causes} if (causes := standing.causes(run, self.scope.now)) else NOTHING
        self.told += self._signals_of(person, made.heard, doing)

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
        row = effect_row(run, effect, self.scope.now)
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

    def facts(self, person: Person, key: str | None) -> dict[str, Any]:
        """Everything that is known when something of this person and key is decided."""
        facts: dict[str, Any] = {
            "person": person.facts(),
            "shop": self.shop,
            "flows": {"live_tags": live_tags(self.book, person)},
        }
        if key and key in person.checkouts:
            facts["checkout"] = person.checkouts[key]
        return facts | self.behaviour.facts(person, facts)

    def _log(self, person: Person, stimulus: Mapping[str, Any]) -> None:
        """What is known of the person does not change within a visit: it stands in their first line of it."""
        self.ordinal += 1
        person_id = person.row["id"]
        told: dict[str, Any] = {} if person_id in self.logged else {"person": person.facts()}
        if told and self.behaviour.wanted:
            told["activity"] = person.activity.to_json()
        self.logged.add(person_id)
        self.writes.decisions.append(
            {
                "shop_id": self.scope.shop_id,
                "person_id": person_id,
                "at": self.scope.now,
                "ordinal": self.ordinal,
                "stimulus": dict(stimulus),
                "facts": {
                    **told,
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


def facts_of(person_id: int, derived: Derived) -> list[eventlog.Fact]:
    """What a signal has derived, as the event log takes it."""
    return [
        eventlog.Fact(
            new.name,
            new.identity,
            new.occurred_at,
            new.subject,
            person_id,
            new.key,
            new.props,
            source="signal",
            also=new.also,
        )
        for new in derived.events
    ]
