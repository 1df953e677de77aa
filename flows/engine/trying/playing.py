"""Playing a flow on somebody in virtual time: the desk decides at each moment, the gate is asked before each message,
and time jumps to what is due next.

It is supposed that nothing else happens, that providers take what is sent at once, and that what is done outside
succeeds. Messages of the trial count in each other's caps, as they would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID, uuid5

from connector.outbox import SETTLED
from connector.pauses import Pause, pauses
from connector.scope import Scope
from flows.core.conditions import Condition
from flows.core.coupons import supposed as supposed_code
from flows.core.enrol import Answered, examine
from flows.core.facts import Facts
from flows.core.model import Effect, Event, FlowVersion, PastRun, Run, Settled, Step, TrailLine, Transition
from flows.core.steps.coupon import COUPONS
from flows.core.steps.message import Message as MessageStep
from flows.engine.asking import NOTHING_YET, Known
from flows.engine.book import Published
from flows.engine.explaining.entering import leaves_of, rules_of
from flows.engine.explaining.explanation import Check, Leaf, Message, Rule
from flows.engine.explaining.inside import judged
from flows.engine.explaining.rehearsal import NAMESPACE, Rehearsal, Stage, copied
from flows.engine.people import Counted, Person, load
from flows.engine.trying import told, writing
from flows.engine.trying.book import TrialBook
from flows.engine.trying.happening import Supposed
from flows.engine.writes import TimerKey, Writes

MOST = 200
"""So many moments are played."""
HORIZON = timedelta(days=800)
"""Nobody looks further ahead."""
_CODE_ENDS = "EXAMPLE"
# What a run says again of a message or an action, which has a line of its own.
_TOLD_OTHERWISE = frozenset({"message_accepted", "message_skipped", "message_failed"})


class NobodyThere(LookupError):
    """There is nobody of this number, or they were erased or are somebody else's record by now."""


def play(scope: Scope, published: Published, person_id: int, supposed: Supposed) -> told.Trial:
    """What would happen to this person if this flow were active and the event happened now. Raises NobodyThere."""
    book = TrialBook(scope.connection, scope.shop_id, published)
    event = supposed.event
    known = load(scope, [person_id], tokens=[event.key] if event.key else ()).get(person_id)
    if known is None or known.row["erased_at"] is not None or known.row["merged_into"] is not None:
        raise NobodyThere(f"There is no person {person_id}.")
    person = copied(known)
    if event.key and event.key not in person.checkouts and (left := _basket(event)) is not None:
        person.checkouts = {**person.checkouts, event.key: left}
    played = _Play(Stage(scope, book), published, person, supposed.real, pauses(scope.connection, scope.shop_id))
    played.start(event)
    played.go_on()
    return played.told(event)


class _Clock(NamedTuple):
    """A timer as the desk takes a row of ``timers``."""

    kind: str
    owner: str
    key: str
    person_id: int
    due_at: datetime
    token: str
    payload: Mapping[str, Any]


@dataclass
class _Wanted:
    """A message on its way. ``row``: of the outbox, in the making."""

    row: dict[str, Any]
    wanted_at: datetime
    at: datetime
    put_off: list[told.PutOff] = field(default_factory=list)
    sent: bool = False
    reason: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    standing: tuple[str, ...] = ()
    written: writing.Written | None = None

    def letter(self) -> told.Letter:
        row, written = self.row, self.written
        assert written is not None, "each is written when it is judged"
        return told.Letter(
            self.wanted_at, self.at, row["step"], row["message"], row["channel"], row["purpose"], row["deadline"],
            written.variant, self.sent, self.reason, self.inputs, tuple(self.put_off), self.checks, self.standing,
            written.proof, written.problem, written.invented,
        )  # fmt: skip


@dataclass
class _Play:
    stage: Stage
    published: Published
    person: Person
    real: bool
    pauses: Collection[Pause]
    lines: list[told.Move | told.Deed | _Wanted] = field(default_factory=list)
    run: Run | None = None
    entered_at: datetime | None = None
    now: datetime = field(init=False)
    rules: tuple[Rule, ...] = ()
    timers: dict[TimerKey, _Clock] = field(default_factory=dict)
    waiting: dict[str, _Wanted] = field(default_factory=dict)
    deeds: dict[str, dict[str, Any]] = field(default_factory=dict)
    _moves: list[tuple[TrailLine, tuple[Leaf, ...]]] = field(default_factory=list)
    _asked: list[tuple[Event, tuple[Answered, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.stage.scope.now

    @property
    def flow(self) -> FlowVersion:
        return self.published.flow

    # What happens

    def start(self, event: Event) -> None:
        before = copied(self.person)
        writes = self._visit(self.now, happened=[event])
        self.rules = self._rules(before, event, writes)

    def go_on(self) -> None:
        """From one moment at which something is due to the next."""
        end = self.now + HORIZON
        for _ in range(MOST):
            found = self._next()
            if found is None or found[0] > end or (self.run is not None and self.run.state == "done"):
                return
            at, what = max(self.now, found[0]), found[1]
            self.now = at
            match what:
                case _Clock():
                    self._ring(at, what)
                case _Wanted():
                    self._leave(at, what)
                case _:
                    self._do(at, what)

    def _next(self) -> tuple[datetime, _Clock | _Wanted | dict[str, Any]] | None:
        due: list[tuple[datetime, int, _Clock | _Wanted | dict[str, Any]]] = [
            *((one.due_at, 0, one) for one in self.timers.values()),
            *((row["due_at"], 1, row) for row in self.deeds.values()),
            *((one.row["due_at"], 2, one) for one in self.waiting.values()),
        ]
        first = min(due, key=lambda one: one[:2], default=None)
        return None if first is None else (first[0], first[2])

    def _ring(self, at: datetime, clock: _Clock) -> None:
        del self.timers[clock.kind, clock.owner, clock.key]
        before = copied(self.person)
        writes = self._visit(at, fired=[clock])
        if clock.kind == "signal":
            entered = next((event for event, _ in self._asked if event.name == self.flow.trigger.on), None)
            if entered is not None:
                self.rules = self._rules(before, entered, writes)

    def _leave(self, at: datetime, one: _Wanted) -> None:
        one.written = self._write(at, one)
        verdict = self._judge(at, one, one.written.known)
        if verdict == "defer":
            return
        del self.waiting[one.row["key"]]
        if verdict == "send":
            one.sent = True
            self._count(at, one.row)
        self._settle(at, one.row, "accepted" if one.sent else "skipped", one.reason or "")

    def _do(self, at: datetime, row: dict[str, Any]) -> None:
        del self.deeds[row["key"]]
        result: dict[str, Any] = {}
        if row["channel"] == COUPONS:
            result = supposed_code(self.flow, _effect(row), _CODE_ENDS, at)
        self.lines.append(told.Deed(at, row["step"], row["channel"], row["data"] or {}, result))
        self._settle(at, row, "accepted", "", result)

    def _settle(
        self,
        at: datetime,
        row: Mapping[str, Any],
        outcome: Settled,
        reason: str,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell the run what became of what it wanted, as ``connector.outbox.settle`` does."""
        props = {"effect": row["key"], "outcome": outcome, "reason": reason, "run_id": str(row["run_id"])}
        name, person_id = uuid5(NAMESPACE, f"settled:{row['key']}"), int(self.person.row["id"])
        known = {**props, "result": dict(result or {})}
        self._visit(at, happened=[Event(name, SETTLED, at, "message:0", None, person_id, known)])

    def _count(self, at: datetime, row: Mapping[str, Any]) -> None:
        """In the ledger, of which caps are counted."""
        scope = self.stage.scope
        counted = Counted(
            scope.shop_id, 0, row["person_id"], row["run_id"], row["flow"], row["channel"], row["purpose"],
            self.flow.cap, at,
        )  # fmt: skip
        self.person.ledger.append(counted)

    # Deciding

    def _visit(self, at: datetime, happened: Sequence[Event] = (), fired: Sequence[_Clock] = ()) -> Writes:
        # What is known of how they behave is known as of a moment.
        self.person.behaviour = None
        self._moves, self._asked = [], []
        desk = self.stage.desk(at, happened, fired)
        desk.onlooker, desk.follower = self._look_on, self._follow
        desk.serve(self.person, list(happened), cast(Any, list(fired)))
        self._take(at, desk.writes)
        return desk.writes

    def _look_on(
        self, flow: FlowVersion, event: Event, live: Sequence[Run], past: Sequence[PastRun], facts: Mapping[str, Any]
    ) -> None:
        if flow.flow == self.flow.flow:
            self._asked.append((event, examine(flow, event, live, past, facts, self.now)))

    def _follow(self, transition: Transition, facts: Mapping[str, Any]) -> None:
        run = transition.run
        if not self._is_mine(run):
            return
        known = {**facts, "event": run.trigger, **({COUPONS: run.vars[COUPONS]} if COUPONS in run.vars else {})}
        for line in transition.trail:
            self._moves.append((line, tuple(self._leaves(line, known))))
        if self.entered_at is None:
            self.entered_at = run.entered_at
        self.run = run

    def _is_mine(self, run: Run) -> bool:
        return (run.flow, run.version) == (self.flow.flow, self.flow.version)

    def _leaves(self, line: TrailLine, facts: Facts) -> list[Leaf]:
        step = self.flow.steps.get(line.step or "")
        asked = _asked_by(step, line) if step is not None else ()
        return [leaf for condition in asked for leaf in leaves_of(condition, facts, line.at)]

    def _take(self, at: datetime, writes: Writes) -> None:
        rows = {row["key"]: row for row in writes.outbox if self._is_of_the_trial(row)}
        for line, leaves in self._moves:
            wanted = rows.get(str(line.detail.get("key", "")))
            if line.code == "message_wanted" and wanted is not None:
                self._want(at, wanted)
            elif line.code == "action_wanted" and wanted is not None:
                self.deeds[wanted["key"]] = wanted
            elif line.code not in _TOLD_OTHERWISE:
                self.lines.append(told.Move(line.at, line.step, line.code, line.detail, leaves))
        for key, row in writes.timers.items():
            if row is None:
                self.timers.pop(key, None)
            elif self._rings(row):
                self.timers[key] = _Clock(**row)
        for run_id, reason in writes.cancelled.items():
            self._cancel(at, run_id, reason)

    def _is_of_the_trial(self, row: Mapping[str, Any]) -> bool:
        return (row["flow"], row["version"]) == (self.flow.flow, self.flow.version)

    def _rings(self, row: Mapping[str, Any]) -> bool:
        """The clock of the run itself, and before there is one the clock that may start it."""
        if row["kind"] == "run":
            return self.run is not None and row["owner"] == str(self.run.id)
        return self.run is None and row["payload"]["signal"] == self.flow.trigger.on

    def _want(self, at: datetime, row: dict[str, Any]) -> None:
        """As the desk has asked about it: what was put off is asked anew here."""
        one = _Wanted({**row, "due_at": row["created_at"], "deferrals": 0, "state": "due", "reason": None}, at, at)
        self.lines.append(one)
        # When a message is wanted nobody has written it yet.
        if self._judge(at, one, NOTHING_YET) != "skip":
            self.waiting[row["key"]] = one

    def _write(self, at: datetime, one: _Wanted) -> writing.Written:
        assert self.run is not None, "who wants a message is inside"
        scope = self.stage.at(at)
        return writing.write(scope, self.published.sources, one.row, self.person, self.run, real=self.real)

    def _judge(self, at: datetime, one: _Wanted, known: Known) -> Literal["send", "defer", "skip"]:
        """Ask the gate."""
        answer = judged(self.stage, at, self.person, self.flow, one.row, known, "if they entered", self.pauses)
        one.at, one.checks, one.standing = at, answer.checks, answer.standing
        check = _objecting(answer)
        if check is None:
            return "send"
        if answer.until is not None:
            one.put_off.append(told.PutOff(at, answer.until, check.reason or "", check.inputs))
            one.row.update(due_at=answer.until, deferrals=one.row["deferrals"] + 1)
            return "defer"
        one.reason, one.inputs = check.reason, check.inputs
        return "skip"

    def _cancel(self, at: datetime, run_id: UUID, reason: str) -> None:
        for key in [key for key, one in self.waiting.items() if one.row["run_id"] == run_id]:
            one = self.waiting.pop(key)
            one.at, one.reason = at, reason
        for key in [key for key, row in self.deeds.items() if row["run_id"] == run_id]:
            del self.deeds[key]

    # What is told

    def _rules(self, before: Person, event: Event, writes: Writes) -> tuple[Rule, ...]:
        """What was asked of the event that starts the flow, which another may have led to; else of that one."""
        starting = [one for one in self._asked if one[0].name == self.flow.trigger.on]
        event, answers = next(reversed(starting or self._asked), (event, None))
        stage = Stage(self.stage.at(self.now), self.stage.book)
        rehearsal = Rehearsal(answers, writes, self.person)
        return rules_of(stage, before, self.flow, "active", event, rehearsal, supposed=True)

    def told(self, event: Event) -> told.Trial:
        run = self.run
        for one in self.lines:
            if isinstance(one, _Wanted) and one.written is None:
                # It was stopped before anybody wrote it, and is looked at all the same.
                one.written = self._write(one.at, one)
        lines = tuple(one.letter() if isinstance(one, _Wanted) else one for one in self.lines)
        return told.Trial(
            self.flow, self.person.row, event, self.real, self.stage.scope.now, self.rules, self.entered_at, lines,
            None if run is None else run.outcome, self.now, tuple(self._waits_for()),
        )  # fmt: skip

    def _waits_for(self) -> list[str]:
        if self.run is None or self.run.waiting is None:
            return []
        return [wake[1] for wake in self.run.waiting.wakes_on if wake[0] == "event"]


def _objecting(answer: Message) -> Check | None:
    return next((check for check in answer.checks if check.verdict in ("defer", "skip")), None)


def _asked_by(step: Step, line: TrailLine) -> tuple[Condition, ...]:
    """The conditions that a step has asked when it said this: of several cases, those up to the one that holds."""
    match step.kind, step.config:
        case "when", condition:
            return (condition,) if line.code == "branched" else ()
        case "cases", cases:
            ports = [port for port, _ in cases]
            held = line.detail.get("port")
            upto = ports.index(held) + 1 if held in ports else len(ports)
            return tuple(condition for _, condition in cases[:upto]) if line.code == "branched" else ()
        case _, MessageStep(only_for=condition) if condition is not None and line.code == "message_not_for_them":
            return (condition,)
    return ()


def _effect(row: Mapping[str, Any]) -> Effect:
    return Effect(
        row["key"], row["channel"], row["message"], row["step"], row["purpose"], row["due_at"], row["deadline"],
        row["priority"], row["data"],
    )  # fmt: skip


def _basket(event: Event) -> dict[str, Any] | None:
    """The checkout or cart that the event is about, as far as it tells of it; None when it tells of none."""
    props = event.props
    if not ({"checkout_token", "cart_token"} & props.keys() and isinstance(props.get("items"), list)):
        return None
    changed = props.get("changed_at") or event.occurred_at.isoformat()
    return {
        "token": event.key,
        "items": props["items"],
        "total": str(props.get("total", "0.00")),
        "currency": props.get("currency"),
        "recovery_url": props.get("recovery_url"),
        "source_updated_at": changed,
        "created_at": changed,
        "completed_at": None,
        "deleted_at": None,
    }
