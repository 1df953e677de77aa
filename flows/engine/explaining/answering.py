"""One answer out of all that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.pauses import pauses
from connector.scope import Scope
from flows.engine import story
from flows.engine.book import Book
from flows.engine.drafts import Drafts
from flows.engine.explaining.entering import Entering, became, enter
from flows.engine.explaining.explanation import Clock, Explanation, Message
from flows.engine.explaining.explanation import Standing as Word
from flows.engine.explaining.inside import after_entering, inside
from flows.engine.explaining.reading import Record, records, standing
from flows.engine.explaining.rehearsal import Stage
from flows.engine.people import Person, load


def explain(scope: Scope, person_ids: Sequence[int], flow: str, *, ahead: bool = True) -> Mapping[int, Explanation]:
    """The answer for each of these people that is known, about the current version of this flow and about the runs that
    they have, of whatever version. ``ahead``: also the messages that are still to come, not only what is due.

    Raises LookupError when the shop has no such flow.
    """
    found = standing(scope, flow)
    if not found:
        raise LookupError(flow)
    how = found[0]
    book = Book(scope.connection, scope.shop_id)
    current = book.published(how.flow, how.version).flow
    on_record = records(scope, person_ids, current)
    keys = {event.key for record in on_record.values() for event in record.happened if event.key}
    people = load(scope, person_ids, tokens=keys)
    due = [row for record in on_record.values() for row in record.open if row["message"] and row["state"] == "due"]
    stage = Stage(scope, book)
    drafts = Drafts(scope, due, people=people)
    standing_still = pauses(scope.connection, scope.shop_id)

    def one(person: Person) -> Explanation:
        record = on_record.get(person.row["id"], Record())
        entering = enter(stage, person, current, how.status, record)
        live = [run for run in person.live.values() if run.flow == flow]
        if_entered: tuple[Message, ...] = ()
        if entering.run is not None and entering.person is not None:
            if_entered = after_entering(
                stage, entering.person, current, entering.run, entering.outbox, standing_still, ahead=ahead
            )
        word, sentence = _verdict(entering, inside_now=bool(live), trigger=current.trigger.on)
        objecting = entering.objecting
        changes = [rule.change["sentence"] for rule in objecting if rule.change]
        return Explanation(
            person_id=person.row["id"],
            flow=flow,
            name=current.name,
            version=how.version,
            status=how.status,
            mode=how.mode,
            at=scope.now,
            standing=word,
            sentence=sentence,
            trigger=current.trigger.on,
            supposed=entering.supposed.name if entering.supposed else None,
            rules=entering.rules,
            blockers=tuple(rule.code for rule in objecting if rule.code),
            changes=tuple(changes),
            happened=became(stage, person, current, record),
            clocks=tuple(Clock(row.payload["signal"], row.payload["key"], row.due_at) for row in record.clocks),
            inside=tuple(inside(stage, person, run, record, drafts, standing_still, ahead=ahead) for run in live),
            if_entered=if_entered,
            trail=tuple(line for row in record.trail if (line := story.decided(row)) is not None),
        )

    return {person_id: one(person) for person_id, person in people.items()}


def _verdict(entering: Entering, *, inside_now: bool, trigger: str) -> tuple[Word, str]:
    objecting = entering.objecting
    if inside_now:
        return "inside", "They are in the flow."
    if objecting:
        return "would not enter", objecting[0].sentence
    if entering.supposed is None:
        return "would enter", f"{trigger} has not happened to them yet; nothing else keeps them out."
    return "would enter", f"They would enter if {entering.supposed.name} happened now as it last did."
