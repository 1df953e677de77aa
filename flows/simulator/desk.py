"""Deciding about one invented person, as ``flows.engine.desk`` decides about real ones: the same order, the same core.

Live runs hear of what happened (goal, exit, beginning anew, wake-up), goals that outlived their runs are checked,
signals are derived, flows are asked whether the person enters.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from flows.content.problems import ContentProblem
from flows.core import activity, signals, standing
from flows.core.enrol import enrol, run_id
from flows.core.gate import Defer, Skip
from flows.core.goals import expected_key
from flows.core.machine import RESTARTED, advance
from flows.core.model import (
    Effect,
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    Happened,
    Note,
    PastRun,
    Run,
    Settled,
    Stimulus,
    TimerFired,
    TimerSet,
    Transition,
)
from flows.core.signals import ArmTimer, Derived, NewEvent
from flows.simulator import changes, deeds, knowing
from flows.simulator.cast import AGREED, Cast
from flows.simulator.happening import Happening
from flows.simulator.post import Letter, Post
from flows.simulator.record import Done, Ended, Held, Record, Sent, count
from flows.simulator.shopper import Shopper
from flows.simulator.telling import NOTHING_OF_THEM

NAMESPACE = UUID("b0b5a7f7-5d5b-5f70-9b7a-51f9a3f2f6de")
NOTHING: Mapping[str, Any] = {}
Timer = tuple[datetime, str, str, Any]
"""(due at, kind, key, payload): kind is ``run`` or ``signal``."""
Writer = Callable[[Letter, Run | None, Mapping[str, Any], datetime], Any]
"""Writes a message of this run with these facts, now. Raises ContentProblem."""


class Desk:
    """One person's runs, clocks and messages, in memory. ``now`` is set by whoever lets time pass."""

    def __init__(
        self, cast: Cast, shopper: Shopper, record: Record, now: datetime, writer: Writer | None = None
    ) -> None:
        self.cast, self.shopper, self.record = cast, shopper, record
        self.now = now
        self.live: dict[UUID, Run] = {}
        self.past: dict[str, list[PastRun]] = defaultdict(list)
        self.watches: list[dict[str, Any]] = []
        self.timers: dict[tuple[str, str], Timer] = {}
        self.known: set[str] = set()
        self.settled: deque[EffectDone] = deque()
        self.told: list[Event] = []
        self.follows: list[Happening] = []
        """What happens because of what was done, to be told before anything else."""
        self.touched: set[tuple[str, str]] = set()
        self.visits = 0
        self.post = Post(shopper, cast)
        self.writer = writer
        self._as_of: datetime | None = None
        self._person: dict[str, Any] | None = None
        self._behaviour: dict[str, Any] | None = None
        self._facts: dict[str, Any] | None = None

    # What time brings.

    def next_due(self) -> datetime | None:
        """When something is to be done next without anything happening."""
        if self.settled:
            return self.now
        times = [timer[0] for timer in self.timers.values()]
        times += [letter.due_at for letter in self.post.waiting.values()]
        return min(times, default=None)

    def visit(self, happened: Sequence[Event]) -> None:
        """Decide about what happened just now, then about what became of messages, then about clocks that are due."""
        if any(event.name not in NOTHING_OF_THEM for event in happened):
            self._person = self._behaviour = self._facts = None
        elif self._as_of != self.now:
            self._behaviour = self._facts = None
        self._as_of = self.now
        self.touched.clear()
        self.visits += 1
        settled, self.settled = self.settled, deque()
        fired = sorted((timer for timer in self.timers.values() if timer[0] <= self.now), key=_by_due)
        for event in happened:
            self._all_of([event])
        for done in settled:
            self._settle(done)
        for _, kind, key, payload in fired:
            if (kind, key) in self.touched:
                # Something that happened just now has cancelled it or set it anew.
                continue
            del self.timers[kind, key]
            self.record.stimuli += 1
            if kind == "signal":
                self._all_of(self._derived(self._fired(payload)))
            else:
                run = self.live.get(UUID(key))
                if run is not None:
                    self._move(run, TimerFired(payload))
                    self._all_of([])

    def deliver(self) -> None:
        """Ask the gate about what is due to leave now, and let it leave."""
        waiting = list(self.post.waiting.values())
        for letter in self.post.due(self.now):
            # What is decided here is a fact for the person's next message.
            waiting.remove(letter)
            if letter.effect.message:
                self._send(letter, waiting)
            else:
                self._act(letter)

    def _send(self, letter: Letter, rivals: Sequence[Letter]) -> None:
        effect, flow = letter.effect, letter.flow
        written, problem = None, self.post.unreachable(letter)
        if problem is None and self.writer is not None:
            try:
                written = self.writer(letter, self.live.get(letter.run_id), self.facts(self._key(letter)), self.now)
            except ContentProblem as error:
                problem = f"{error.code}: {error.sentence} ({error.where})"
        tags = self.live_tags(letter.run_id)
        self.record.asked += 1
        verdict = self.post.ask(letter, tags, self.now, rivals=rivals, problem=problem)
        match verdict:
            case Skip():
                self._held(letter, verdict)
                self._done_with(letter, "skipped", verdict.reason)
            case Defer():
                self._held(letter, verdict)
                letter.put_off(verdict.until)
            case _:
                would_wait = None
                if flow.cap != "count" and effect.purpose == "marketing":
                    would_wait = self.post.counterfactual(letter, tags, self.now, rivals=rivals)
                self.post.left(letter, self.now)
                sent = Sent(
                    self.now,
                    flow.flow,
                    effect.step,
                    effect.message,
                    effect.channel,
                    effect.key,
                    str(letter.run_id),
                    would_wait,
                    written,
                )
                self.record.sent.append(sent)
                self._done_with(letter, "accepted", "")

    def _act(self, letter: Letter) -> None:
        effect, flow = letter.effect, letter.flow
        if (objection := self.post.may_act(letter, self.now)) is not None:
            self._done_with(letter, "skipped", objection.reason)
            return
        outcome = deeds.of(letter, self.shopper, self.cast, self.now)
        if outcome.because is not None:
            self._done_with(letter, "skipped", outcome.because)
            return
        data = {name: value for name, value in (effect.data or {}).items() if name != standing.CAUSED_BY}
        done = Done(self.now, flow.flow, effect.step, effect.channel, data, outcome.result)
        self.record.done.append(done)
        self.follows.extend(outcome.happens)
        self._done_with(letter, "accepted", "", outcome.result)

    def _done_with(
        self, letter: Letter, outcome: Settled, reason: str, result: Mapping[str, Any] | None = None
    ) -> None:
        del self.post.waiting[letter.effect.key]
        self.settled.append(EffectDone(letter.effect.key, outcome, reason, self.now, result or {}))

    # Deciding.

    def _all_of(self, found: Sequence[Event]) -> None:
        queue = deque(found)
        while queue or self.told:
            queue.extend(self.told)
            self.told.clear()
            event = queue.popleft()
            self.record.stimuli += 1
            mine = event.person_id == self.shopper.id
            if event.name == AGREED:
                changes.lift(self.shopper, event)
            scored = self._note(event) if mine else ()
            if event.name not in self.cast.heard and event.name not in standing.OF_RUNS and not scored:
                continue
            for run in list(self.live.values()):
                if event.name in self.cast.listens[run.flow] or event.name in standing.OF_RUNS:
                    self._move(run, Happened(event))
            if event.name in standing.OF_RUNS:
                continue
            self._watch(event)
            if not mine:
                continue
            if event.name in self.cast.derived_from:
                facts = {**self.facts(event.key), "products": self.shopper.products}
                derived = signals.derive(event, facts, self.cast.settings, self.now)
                queue.extend(self._derived(derived, event.props))
            queue.extend(self._signals_of(scored, event.props))
            if not event.props.get("excluded"):
                for flow in self.cast.starting_on.get(event.name, ()):
                    self._ask_in(flow, event)

    def _note(self, event: Event) -> Sequence[Event]:
        who = self.shopper
        if event.name not in self.cast.noted or who.row["erased_at"] is not None:
            return ()
        noted = activity.note(who.activity, event, self.cast.around.scoring, self.now, profiled=who.profiled)
        return self._remember(noted)

    def _remember(self, noted: activity.Noted) -> Sequence[Event]:
        """Remember this of how they behave; what signals hear of it."""
        if noted.activity is not self.shopper.activity:
            self.shopper.activity = noted.activity
            self._behaviour = self._facts = None
        return noted.changes

    def _fired(self, clock: ArmTimer) -> Derived:
        facts = {**self.facts(clock.key), **knowing.looked_up(clock.signal, clock.key, self.shopper)}
        return signals.fire(clock.signal, clock.payload, facts, self.now)

    def _signals_of(self, heard: Sequence[Event], cause: Mapping[str, Any]) -> list[Event]:
        """What is derived from what only signals hear."""
        found = (signals.derive(one, self.facts(None), self.cast.settings, self.now) for one in heard)
        return [new for derived in found for new in self._derived(derived, cause)]

    def _derived(self, derived: Derived, cause: Mapping[str, Any] = NOTHING) -> list[Event]:
        """The events that are new. ``cause``: the properties of what they are derived from, of which they keep whose
        doing that was."""
        for cancel in derived.cancel:
            self._set("signal", f"{cancel.signal}:{cancel.key}", None)
        for arm in derived.arm:
            self.arm(arm)
        doing = {standing.CAUSED_BY: cause[standing.CAUSED_BY]} if standing.CAUSED_BY in cause else {}
        return [event for new in derived.events if (event := self._written(new, doing)) is not None]

    def arm(self, clock: ArmTimer) -> None:
        """Set the person's clock of a signal."""
        key = f"{clock.signal}:{clock.key}"
        self._set("signal", key, (clock.due_at, "signal", key, clock))

    def _written(self, new: NewEvent, doing: Mapping[str, Any] = NOTHING) -> Event | None:
        """The event, unless it has been told already."""
        name = f"{new.identity}:{new.name}"
        if name in self.known or any(f"{also}:{new.name}" in self.known for also in new.also):
            return None
        self.known.add(name)
        event_id = uuid5(NAMESPACE, f"{self.shopper.seed}:{name}")
        props = {**new.props, **doing} if doing else new.props
        return Event(event_id, new.name, new.occurred_at, new.subject, new.key, self.shopper.id, props)

    def _set(self, kind: str, key: str, timer: Timer | None) -> None:
        self.touched.add((kind, key))
        if timer is None:
            self.timers.pop((kind, key), None)
        else:
            self.timers[kind, key] = timer

    def _watch(self, event: Event) -> None:
        """Goals outlive runs: the watch stays open for its own time, whatever became of the run."""
        for watch in list(self.watches):
            if watch["event"] != event.name or event.props.get("excluded"):
                continue
            matches = watch["match"] is None or watch["match"] == event.key
            in_time = watch["opened_at"] <= event.occurred_at <= watch["expires_at"]
            mine = event.props.get("run_id", str(watch["run_id"])) == str(watch["run_id"])
            if matches and in_time and mine:
                self.watches.remove(watch)
                count(self.record.goals, watch["flow"])

    def _ask_in(self, flow: FlowVersion, event: Event, *, anew: bool = False) -> None:
        live = [run for run in self.live.values() if run.flow == flow.flow]
        if not anew and any(run.id == run_id(flow.flow, event.id) for run in live):
            # It has begun anew with this very event.
            return
        answer = enrol(flow, event, live, self.past[flow.flow], self.facts(event.key), self.now, anew=anew)
        if isinstance(answer, Note):
            count(self.record.refused, (flow.flow, answer.code))
            self.record.say(self.now, answer.code, flow.flow, None, {"event": event.name, **answer.detail})
        elif answer is not None:
            self._begin(flow, answer)

    def _begin(self, flow: FlowVersion, run: Run) -> None:
        count(self.record.entered, flow.flow)
        self.past[flow.flow].append(PastRun(run.key, run.entered_at))
        self.live[run.id] = run
        if flow.goal is not None:
            self.watches.append(
                {
                    "run_id": run.id,
                    "flow": flow.flow,
                    "event": flow.goal.event,
                    "match": expected_key(flow, run),
                    "opened_at": run.entered_at,
                    "expires_at": run.entered_at + flow.goal.within,
                }
            )
        self._move(run, Entered())

    def _settle(self, done: EffectDone) -> None:
        self.record.stimuli += 1
        run = self.live.get(UUID(done.key.partition(":")[0]))
        if run is not None:
            self._move(run, done)
            self._all_of([])

    def _move(self, run: Run, stimulus: Stimulus) -> None:
        """Advance one run, then answer for the messages that it wants until it parks or ends."""
        flow = self.cast.by_name[run.flow]
        waiting: deque[Stimulus] = deque([stimulus])
        while waiting:
            transition = advance(flow, run, waiting.popleft(), self.facts(run.key), self.now)
            if transition.run is run and not transition.trail:
                continue
            run = transition.run
            self._take(transition)
            waiting.extend(done for effect in transition.effects if (done := self._want(flow, run, effect)) is not None)
        if run.outcome == RESTARTED and isinstance(stimulus, Happened):
            self.watches[:] = [watch for watch in self.watches if watch["run_id"] != run.id]
            self._ask_in(flow, stimulus.event, anew=True)

    def _take(self, transition: Transition) -> None:
        run = transition.run
        if run.state == "live":
            self.live[run.id] = run
        elif self.live.pop(run.id, None) is not None:
            ended = Ended(self.now, run.flow, run.outcome or "", run.entered_at, run.key)
            self.record.ended.append(ended)
        for timer in transition.timers:
            due = (timer.due_at, "run", str(run.id), timer.token) if isinstance(timer, TimerSet) else None
            self._set("run", str(run.id), due)
        if transition.trail and self.record.keeps_lines:
            for line in transition.trail:
                self.record.say(self.now, line.code, run.flow, line.step, line.detail)
        if transition.cancel_effects:
            self.post.drop(run.id)
        self._facts = None
        for change in transition.changes:
            made = changes.make(self.cast, self.shopper, run, change, self.now)
            self.told += [event for new in made.events if (event := self._written(new)) is not None]
            doing = {standing.CAUSED_BY: causes} if (causes := standing.causes(run, self.now)) else NOTHING
            self.told += self._signals_of(self._remember(made.noted) if made.noted else (), doing)
            for note in made.notes:
                self.record.say(self.now, note.code, run.flow, change.step or None, note.detail)
            done = Done(self.now, run.flow, change.step, change.kind, change.data, {})
            self.record.done.append(done)

    def _want(self, flow: FlowVersion, run: Run, effect: Effect) -> EffectDone | None:
        letter = Letter(flow, run.id, effect, effect.due_at, self.visits)
        if not effect.message:
            self.post.keep(letter)
            return None
        self.record.asked += 1
        # What is wanted in this very visit is not on its way yet.
        rivals = [one for one in self.post.waiting.values() if one.visit < self.visits]
        verdict = self.post.ask(letter, self.live_tags(run.id), self.now, rivals=rivals)
        match verdict:
            case Skip():
                self._held(letter, verdict)
                return EffectDone(effect.key, "skipped", verdict.reason, self.now)
            case Defer():
                self._held(letter, verdict)
                letter.put_off(verdict.until)
        self.post.keep(letter)
        return None

    def _held(self, letter: Letter, verdict: Defer | Skip) -> None:
        """Write down that it did not leave, or not yet."""
        until = verdict.until if isinstance(verdict, Defer) else None
        effect, flow = letter.effect, letter.flow.flow
        self.record.held.append(
            Held(
                self.now, flow, effect.step, effect.message, effect.channel, verdict.reason, until, dict(verdict.detail)
            )
        )
        if self.record.keeps_lines:
            detail = {"reason": verdict.reason, **({"until": until.isoformat()} if until else {}), **verdict.detail}
            self.record.say(self.now, "gate_defer" if until else "gate_skip", flow, effect.step, detail)

    # What is known.

    def facts(self, key: str | None) -> dict[str, Any]:
        """Everything that is known when something of this person and key is decided."""
        if self._person is None:
            self._person = knowing.person(self.shopper, self.cast)
        if self._facts is None:
            known = {"person": self._person, "shop": self.cast.around.shop}
            if self._behaviour is None:
                wanted = self.cast.behaviour_wanted
                self._behaviour = knowing.behaviour(self.shopper, self.cast, known, self.now) if wanted else {}
            self._facts = {**known, "flows": {"live_tags": self.live_tags()}, **self._behaviour}
        if key and key in self.shopper.checkouts:
            return {**self._facts, "checkout": self.shopper.checkouts[key]}
        return self._facts

    def _key(self, letter: Letter) -> str | None:
        run = self.live.get(letter.run_id)
        return run.key if run else None

    def live_tags(self, but: UUID | None = None) -> list[str]:
        """The tags of the flows that the person is in, besides this run."""
        found = {tag for run in self.live.values() if run.id != but for tag in self.cast.by_name[run.flow].tags}
        return sorted(found)


def _by_due(timer: Timer) -> tuple[datetime, str, str]:
    return timer[:3]
