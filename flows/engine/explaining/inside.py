"""Where somebody stands inside a flow, and what the gate says of each message that is due or still to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from connector.db.any_row import AnyRow
from connector.pauses import ACCOUNT, Pause
from flows.core import gate, reasons
from flows.core.foresight import Foresight, foresee
from flows.core.gate import Defer, Send, Skip
from flows.core.machine import EndlessFlow
from flows.core.model import FlowVersion, Run
from flows.core.remedies import of_message
from flows.engine.asking import NOTHING_YET, Known, question
from flows.engine.drafts import Drafts
from flows.engine.explaining.explanation import Check, Inside, Message
from flows.engine.explaining.reading import Record
from flows.engine.explaining.rehearsal import Stage
from flows.engine.people import Person
from flows.engine.writes import effect_row

State = Literal["due", "to come", "if they entered"]
_SENTENCES = {**reasons.OBJECTIONS, **reasons.WITHHELD}


def inside(
    stage: Stage, person: Person, run: Run, record: Record, drafts: Drafts, pauses: Collection[Pause], *, ahead: bool
) -> Inside:
    """This live run of the flow. ``ahead``: also what is to come after what is due."""
    flow = stage.book.published(run.flow, run.version).flow
    mine = [row for row in record.open if row["run_id"] == run.id]
    due_now = {row["key"]: _due(stage, drafts, row, pauses) for row in mine if row["message"] and row["state"] == "due"}
    coming: Iterable[Message] = ()
    after = ""
    if ahead:
        put_off = {key: message.until for key, message in due_now.items() if message.until}
        leaves = {row["key"]: put_off.get(row["key"], row["due_at"]) for row in mine}
        foresight = _foreseen(stage, person, flow, run, leaves)
        coming, after = _to_come(stage, person, flow, foresight, pauses, "to come"), _after(foresight)
    return Inside(
        run.id,
        run.version,
        run.key,
        run.entered_at,
        run.at,
        tuple(_waits_for(run, mine)),
        tuple(_ends_on(flow)),
        (*due_now.values(), *coming),
        after,
    )


def after_entering(
    stage: Stage,
    person: Person,
    flow: FlowVersion,
    run: Run,
    outbox: Iterable[Mapping[str, Any]],
    pauses: Collection[Pause],
    *,
    ahead: bool,
) -> tuple[Message, ...]:
    """What somebody would be sent who entered now. ``outbox``: what a rehearsal has wanted at once."""
    wanted = [row for row in outbox if row["message"]]
    # As they were asked about: what was put off is asked anew here.
    asked = [{**row, "due_at": row["created_at"], "deferrals": 0} for row in wanted]
    at_once = [
        judged(stage, stage.scope.now, person, flow, row, NOTHING_YET, "if they entered", pauses) for row in asked
    ]
    if not ahead:
        return tuple(at_once)
    leaves = {row["key"]: row["due_at"] for row in wanted}
    foresight = _foreseen(stage, person, flow, run, leaves)
    return (*at_once, *_to_come(stage, person, flow, foresight, pauses, "if they entered"))


def _due(stage: Stage, drafts: Drafts, row: AnyRow, pauses: Collection[Pause]) -> Message:
    draft = drafts.draft(row)
    return judged(stage, stage.scope.now, draft.person, draft.flow, row, draft.known, "due", pauses)


def _foreseen(stage: Stage, person: Person, flow: FlowVersion, run: Run, leaves: Mapping[str, datetime]) -> Foresight:
    try:
        return foresee(flow, run, stage.facts(person, run.key), stage.scope.now, leaves=leaves)
    except (EndlessFlow, LookupError):
        return Foresight((), run, stage.scope.now)


def _to_come(
    stage: Stage, person: Person, flow: FlowVersion, foresight: Foresight, pauses: Collection[Pause], state: State
) -> tuple[Message, ...]:
    run = foresight.run
    rows = [(coming.at, effect_row(run, coming.effect, coming.at)) for coming in foresight.coming]
    return tuple(judged(stage, at, person, flow, row, NOTHING_YET, state, pauses) for at, row in rows if row["message"])


def judged(
    stage: Stage,
    at: datetime,
    person: Person,
    flow: FlowVersion,
    row: AnyRow,
    known: Known,
    state: State,
    pauses: Collection[Pause],
) -> Message:
    """What the gate says of this message (an outbox row, or one in the making) as of this moment."""
    answers = gate.examine(*question(stage.at(at), stage.book, flow, person, row, known), at)
    first = next((one.verdict for one in answers if not isinstance(one.verdict, Send)), Send())
    return Message(
        message=row["message"],
        channel=row["channel"],
        step=row["step"],
        state=state,
        at=max(at, row["due_at"]),
        deadline=row["deadline"],
        verdict=_word(first),
        reason=None if isinstance(first, Send) else first.reason,
        until=first.until if isinstance(first, Defer) else None,
        checks=tuple(_check(one, row["channel"]) for one in answers),
        standing=tuple(_standing(row, pauses, stage)),
    )


def _word(verdict: gate.Verdict) -> str:
    return type(verdict).__name__.lower()


def _check(answer: gate.Answer, channel: str) -> Check:
    verdict = answer.verdict
    if isinstance(verdict, Send):
        word = "send" if answer.concerns else "not asked"
        return Check(answer.check, word, None, "", None, answer.inputs, None)
    change = of_message(verdict, channel=channel).to_json()
    sentence = " ".join(filter(None, (_SENTENCES.get(verdict.reason, verdict.reason), _late(verdict))))
    until = verdict.until if isinstance(verdict, Defer) else None
    return Check(answer.check, _word(verdict), verdict.reason, sentence, until, answer.inputs, change)


def _late(verdict: Defer | Skip) -> str:
    because = verdict.detail.get("because")
    return f"Until then it would have to wait because: {_SENTENCES.get(because, because)}" if because else ""


def _standing(row: AnyRow, pauses: Collection[Pause], stage: Stage) -> Iterable[str]:
    """What keeps messages of this kind from being looked at, whoever they are for."""
    if stage.scope.shop.state != "active":
        yield "The app is not installed at the shop: nothing is sent."
    channels = {ACCOUNT, row["channel"], f"{row['channel']}:{row['purpose']}"}
    for pause in pauses:
        if pause.channel in channels:
            yield f"{pause.channel} stands still: {pause.sentence}"


def _waits_for(run: Run, rows: Iterable[AnyRow]) -> Iterable[str]:
    if run.waiting is None:
        return
    open_ones = {row["key"]: row for row in rows}
    for wake in run.waiting.wakes_on:
        if wake[0] == "effect":
            row = open_ones.get(wake[1])
            named = f"{row['channel']} {row['message'] or row['step']} ({row['state']})" if row else wake[1]
            yield f"what becomes of {named}"
        elif wake[0] == "event":
            yield f"the event {wake[1]}"
        elif run.waiting.due_at is not None:
            yield f"{run.waiting.due_at:%Y-%m-%d %H:%M} UTC"


def _ends_on(flow: FlowVersion) -> Iterable[str]:
    if flow.goal is not None:
        yield f"{flow.goal.event} (its goal)"
    yield from flow.exits


def _after(foresight: Foresight) -> str:
    run = foresight.run
    if run.state == "done":
        return f"over at {foresight.until:%Y-%m-%d %H:%M} UTC ({run.outcome})"
    events = [wake[1] for wake in run.waiting.wakes_on if wake[0] == "event"] if run.waiting else []
    return f"waits for {' or '.join(events)}" if events else "goes on"
