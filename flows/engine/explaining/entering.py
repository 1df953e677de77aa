"""Whether somebody would enter a flow, rule by rule, and what came of the events that might have let them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid5

from flows.core import conditions, reasons
from flows.core.conditions import Condition
from flows.core.enrol import Answered, examine, run_id
from flows.core.facts import Facts, family
from flows.core.model import Event, FlowVersion, Note, Run
from flows.core.remedies import of_entry
from flows.core.wants import in_words, wanted
from flows.engine.explaining.explanation import Happened, Leaf, Rule
from flows.engine.explaining.reading import Record
from flows.engine.explaining.rehearsal import NAMESPACE, Rehearsal, Stage, once_more
from flows.engine.people import Person
from flows.engine.story import because

STATUS = "status"
"""The rule that is asked before all others: only active flows are asked whether somebody enters."""
_OF_THE_EVENT = frozenset({"trigger", "counted", "history", "person", "key"})
_SENTENCES = {**reasons.REFUSALS, **reasons.PASSED_OVER, "not_active": "The flow is not active: nobody enters."}


@dataclass(frozen=True)
class Entering:
    """``supposed``: the event that was supposed to happen now, None when it never happened before. ``run`` and
    ``person``: as they would stand after entering; ``outbox``: the messages that it would want at once, as rows."""

    supposed: Event | None
    rules: tuple[Rule, ...]
    run: Run | None = None
    person: Person | None = None
    outbox: Sequence[Mapping[str, Any]] = ()

    @property
    def objecting(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.holds is False)


def enter(stage: Stage, person: Person, flow: FlowVersion, status: str, record: Record) -> Entering:
    """What would come of the trigger if it happened now as it last did; when it never did, what can be said without
    it."""
    now = stage.scope.now
    last = record.happened[0] if record.happened else None
    if last is None:
        # An event of which nothing is known: what asks for it stays open.
        blank = Event(uuid5(NAMESPACE, flow.flow), flow.trigger.on, now, "", None, person.row["id"], {})
        return Entering(None, rules_of(stage, person, flow, status, blank, None, supposed=False))
    event = once_more(last, flow, now)
    rehearsal = stage.rehearse(person, flow, event) if status == "active" else None
    rules = rules_of(stage, person, flow, status, event, rehearsal, supposed=True)
    if rehearsal is None:
        return Entering(event, rules)
    new_id = run_id(flow.flow, event.id)
    outbox = [row for row in rehearsal.writes.outbox if row["run_id"] == new_id]
    return Entering(event, rules, rehearsal.writes.new_runs.get(new_id), rehearsal.person, outbox)


def rules_of(
    stage: Stage,
    person: Person,
    flow: FlowVersion,
    status: str,
    event: Event,
    rehearsal: Rehearsal | None,
    *,
    supposed: bool,
) -> tuple[Rule, ...]:
    """What each rule says of this event. ``supposed``: False when it stands for one that never happened."""
    facts = {**stage.facts(person, event.key), "event": event.props}
    answers = rehearsal.rules if rehearsal and rehearsal.rules is not None else _examined(stage, person, flow, event)
    rules = [_rule(one, flow, facts, stage, open_ended=not supposed) for one in answers]
    if status != "active":
        rules.insert(0, _refused(STATUS, flow, Note("not_active", {"status": status}), facts, stage))
    entered = rehearsal is not None and run_id(flow.flow, event.id) in rehearsal.writes.new_runs
    if rehearsal is not None and not entered and all(rule.holds for rule in rules):
        # Something that is asked beside the rules, such as whether Brevo's automation may write to them.
        rules += [_refused("desk", flow, note, facts, stage) for note in _notes(rehearsal, flow, event)]
    return tuple(rules)


def _examined(stage: Stage, person: Person, flow: FlowVersion, event: Event) -> Iterable[Answered]:
    live = [run for run in person.live.values() if run.flow == flow.flow]
    return examine(flow, event, live, person.past[flow.flow], stage.facts(person, event.key), stage.scope.now)


def _notes(rehearsal: Rehearsal, flow: FlowVersion, event: Event) -> list[Note]:
    """The refusals of this flow that the trail would tell of this event."""
    return [
        Note(row["code"], row["detail"])
        for row in rehearsal.writes.trail
        if row["flow"] == flow.flow and row["detail"].get("event_id") == str(event.id)
    ]


def _rule(answered: Answered, flow: FlowVersion, facts: Facts, stage: Stage, *, open_ended: bool) -> Rule:
    condition = {"trigger": flow.trigger.where, "audience": flow.audience}.get(answered.rule)
    leaves = tuple(leaves_of(condition, facts, stage.scope.now)) if condition is not None else ()
    if answered.objection is None:
        return Rule(answered.rule, True, leaves=leaves)
    told = _refused(answered.rule, flow, answered.objection, facts, stage, leaves)
    if open_ended and (answered.rule in _OF_THE_EVENT or _only_of_the_event(answered, flow, facts, stage)):
        return Rule(told.rule, None, told.code, told.sentence, told.detail, leaves, told.change)
    return told


def _only_of_the_event(answered: Answered, flow: FlowVersion, facts: Facts, stage: Stage) -> bool:
    if answered.rule != "audience" or flow.audience is None:
        return False
    wants = wanted(flow.audience, facts, stage.scope.now)
    return all(family(want.found.leaf.field) == "event" for want in wants)


def _refused(
    rule: str, flow: FlowVersion, note: Note, facts: Facts, stage: Stage, leaves: tuple[Leaf, ...] = ()
) -> Rule:
    change = of_entry(flow, note, facts, stage.scope.now).to_json()
    return Rule(rule, False, note.code, _SENTENCES.get(note.code, note.code), note.detail, leaves, change)


def leaves_of(condition: Condition, facts: Facts, now: datetime) -> Iterable[Leaf]:
    """Every leaf of this condition with its answer and the fact that it saw."""
    for found in conditions.explain(condition, facts, now):
        yield Leaf(found.leaf.field, in_words(found.leaf), found.truth, found.fact, found.why)


def became(stage: Stage, person: Person, flow: FlowVersion, record: Record) -> tuple[Happened, ...]:
    """What came of the newest events of the trigger, read from the trail."""
    kept_out = {row.detail.get("event_id"): row for row in record.trail if row.run_id is None}
    return tuple(_became(stage, person, flow, record, event, kept_out.get(str(event.id))) for event in record.happened)


def _became(stage: Stage, person: Person, flow: FlowVersion, record: Record, event: Event, line: Any) -> Happened:
    def told(word: str, code: str | None = None, detail: Mapping[str, Any] | None = None) -> Happened:
        found = because(detail or {})
        sentence = " ".join(filter(None, (_SENTENCES.get(code or "", ""), f"({found})" if found else "")))
        return Happened(event.occurred_at, event.name, event.id, word, code, sentence)

    if run_id(flow.flow, event.id) in record.entered:
        return told("entered")
    if line is not None:
        return told("kept out", line.code, line.detail)
    if event.id in record.undecided:
        return told("not decided yet")
    if event.historical:
        return told("history", "historical")
    # What is asked of the event itself leaves no line and is as true now as it was then.
    for answered in _examined(stage, person, flow, event):
        if answered.objection is not None and answered.objection.code in reasons.PASSED_OVER:
            return told("passed over", answered.objection.code, answered.objection.detail)
    return told("kept out")
