"""Messages of a trial: written as they would be right before they leave, and as somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.db.any_row import AnyRow
from connector.scope import Scope
from flows.channels import CHANNELS
from flows.channels.channel import Letter
from flows.content import names
from flows.content.example import example
from flows.content.problems import ContentProblem
from flows.content.proof import Proof, proof
from flows.content.source import MessageSource
from flows.core.gate import Defer, Skip
from flows.core.model import Run
from flows.engine import sources
from flows.engine.asking import Known
from flows.engine.drafts import attempted
from flows.engine.letters import letter
from flows.engine.people import Person
from flows.engine.sample_facts import theirs
from flows.engine.sources import Wanted

# What an event that is made up names and the shop does not have.
_OF_THE_EVENT = ("order", "tracking", "product", "checkout", "cart")


@dataclass(frozen=True)
class Written:
    """``known``: what the gate is told of it. ``proof`` is None when it cannot be shown, ``problem`` says why.
    ``invented``: as in ``told.Letter``."""

    variant: str
    known: Known
    proof: Proof | None
    problem: str
    invented: tuple[str, ...]


def write(
    scope: Scope, written: Mapping[str, MessageSource], row: AnyRow, person: Person, run: Run, *, real: bool
) -> Written:
    """This message (an outbox row in the making) for this person, now. ``real``: what the run is about is there; else
    it is an example where it is not."""
    source = theirs(scope, written, row["message"], person)
    wanted = Wanted(0, person, run, source)
    shown = sources.load(scope, [wanted])[0]
    invented: tuple[str, ...] = ()
    if not real:
        lacking = [root for root in _OF_THE_EVENT if not shown.get(root) and names.names(source, root)]
        made_up = {**example(), "cart": example()["checkout"]}
        shown, invented = {**shown, **{root: made_up[root] for root in lacking}}, tuple(lacking)
    channel = CHANNELS[row["channel"]]
    address = channel.address(person.row)
    known = channel.know(scope, {address} if address else set())
    kept: list[Letter] = []

    def prepared() -> Any:
        # Nobody keeps the short links, so that they lead nowhere.
        one, _ = letter(scope, channel, {**row, "id": 0}, wanted, shown, known)
        kept.append(one)
        return channel.write(one)

    _, problem, objection = attempted(prepared)
    look, why = _look(source, kept[0]) if kept else (None, "")
    return Written(source.name.rpartition("/")[2], _known(problem, objection), look, why, invented)


def _known(problem: str | None, objection: Defer | Skip | None) -> Known:
    return Known(channel_objects=objection, render_problem=problem)


def _look(source: MessageSource, one: Letter) -> tuple[Proof | None, str]:
    # The links of the letter itself would opt the person out.
    context = {**one.context, "links": example()["links"], "message": {"key": "preview"}}
    try:
        return proof(source, context), ""
    except ContentProblem as error:
        return None, str(error)
