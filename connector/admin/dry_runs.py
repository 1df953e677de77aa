"""A flow that was tried on somebody (``flows.engine.trying``), in the words of those who run a shop, with the times of
the shop's zone and masked for whom may not see people whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.admin import flow_words, reasons, shown
from connector.admin.shown import Eyes, harmless, harmless_text, plain
from flows.content import preview
from flows.core import graph
from flows.core.graph import Node
from flows.core.problems import Finder
from flows.core.wants import shown as shown_fact
from flows.engine.explaining.explanation import Leaf, Rule
from flows.engine.trying import Deed, Letter, Move, Trial

_PARTING = frozenset({"branched", "split"})
VERDICTS: Mapping[str, tuple[str, str]] = {
    "sent": ("would be sent", "good"),
    "not sent": ("would not be sent", "critical"),
    "waits": ("would still wait", "warning"),
}
"""What would become of a message -> (how it is said, tone of its badge)."""


def said_of(result: Mapping[str, Any], when: Callable[[datetime], str]) -> str:
    """What an action came to, without what is empty; moments, which it writes in ISO 8601, as ``when`` says them."""

    def said(value: Any) -> Any:
        with suppress(TypeError, ValueError):
            at = datetime.fromisoformat(value)
            return when(at) if at.tzinfo else value
        return value

    return plain({name: said(value) for name, value in result.items() if value not in (None, "")})


@dataclass(frozen=True)
class Asked:
    """One part of a condition: ``answer`` is yes, no or cannot tell, ``saw`` what the fact was."""

    asks: str
    answer: str
    saw: str


@dataclass(frozen=True)
class Entering:
    """One rule of entering. ``holds``: whether it lets them in; else ``says`` and ``would`` tell why not."""

    rule: str
    holds: bool
    says: str
    would: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Check:
    """One check before a message. ``verdict``: send, defer, skip, or ``not asked`` of such messages."""

    asks: str
    verdict: str


@dataclass(frozen=True)
class Mail:
    """A message. ``verdict``: one of VERDICTS; ``says``: why, and what held it up before. ``about``: its subject and
    the like; ``html``: of emails, without links. ``invented``: what it shows that is an example."""

    message: str
    channel: str
    purpose: str
    verdict: str
    says: tuple[str, ...]
    checks: tuple[Check, ...]
    about: tuple[tuple[str, str], ...]
    text: str
    html: str
    invented: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """``when``: ``at`` in the shop's zone; ``step``: what the step does, in words."""

    at: datetime
    when: str
    step: str
    says: str
    asked: tuple[Asked, ...] = ()
    mail: Mail | None = None


@dataclass(frozen=True)
class Told:
    """``entered``: whether they would enter; ``begins``: what was supposed to happen, ``real``: as it last did;
    ``ends``: how it ends, in a sentence."""

    flow: str
    name: str
    person_id: int
    person: str
    at: datetime
    when: str
    zone: str
    event: str
    begins: str
    real: bool
    entered: bool
    rules: tuple[Entering, ...]
    lines: tuple[Line, ...]
    ends: str


def told(trial: Trial, timezone: str, eyes: Eyes) -> Told:
    """``timezone``: whose days and hours are shown, the shop's."""
    return _Telling(trial, timezone, eyes).told()


class _Telling:
    def __init__(self, trial: Trial, timezone: str, eyes: Eyes) -> None:
        self._trial, self._zone, self._eyes = trial, ZoneInfo(timezone), eyes
        self._timezone = timezone
        self._names = (trial.person["first_name"], trial.person["last_name"])
        self._steps = flow_words.steps(trial.flow)
        found = graph.everything(graph.read(trial.flow.definition["steps"], Finder("", {})))
        self._nodes: Mapping[str, Node] = {node.id: node for node in found}

    def told(self) -> Told:
        trial = self._trial
        return Told(
            trial.flow.flow, trial.flow.name, int(trial.person["id"]), self._eyes.name(*self._names), trial.at,
            self._when(trial.at), self._timezone, trial.event.name, flow_words.event(trial.event.name), trial.real,
            trial.entered_at is not None, tuple(map(self._rule, trial.rules)), tuple(self._lines()), self._ends(),
        )  # fmt: skip

    def _when(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%a %Y-%m-%d %H:%M}"

    def _text(self, said: str) -> str:
        """A sentence as this visitor sees it, with its moments in the shop's zone."""
        return self._eyes.text(shown.told(said, self._when), *self._names)

    def _clause(self, said: str, fields: Sequence[str], events: Sequence[str] = ()) -> str:
        return self._text(flow_words.clause(said, fields, events))

    def _asked(self, leaves: Sequence[Leaf]) -> tuple[Asked, ...]:
        return tuple(
            Asked(self._clause(leaf.text, [leaf.field]), leaf.truth, self._clause(_saw(leaf), [leaf.field]))
            for leaf in leaves
        )

    def _rule(self, rule: Rule) -> Entering:
        says = reasons.sentence(rule.code, rule.detail) or rule.sentence
        would = str(rule.change["sentence"]) if rule.change and rule.holds is not True else ""
        name = reasons.RULES.get(rule.rule, flow_words.named(rule.rule))
        fields = [leaf.field for leaf in rule.leaves]
        would = self._clause(would, fields, [self._trial.flow.trigger.on])
        return Entering(name, rule.holds is True, self._clause(says, fields), would, self._asked(rule.leaves))

    def _lines(self) -> Iterator[Line]:
        before: Deed | None = None
        for one in self._trial.lines:
            if isinstance(one, Move) and one.code == "finished":
                # ``ends`` says so.
                continue
            if isinstance(one, Move) and before is not None and (one.step, one.at) == (before.step, before.at):
                # The run says once more what was done.
                before = None
                continue
            before = one if isinstance(one, Deed) else None
            yield self._line(one)

    def _line(self, one: Move | Letter | Deed) -> Line:
        match one:
            case Letter():
                return Line(one.at, self._when(one.at), self._step(one.step), "", mail=self._mail(one))
            case Deed():
                told = f"Taken as done. {said_of(one.result, self._when)}".strip()
                return Line(one.at, self._when(one.at), self._step(one.step), self._text(told))
            case _:
                return Line(one.at, self._when(one.at), self._step(one.step), self._moved(one), self._asked(one.leaves))

    def _step(self, step: str | None) -> str:
        return self._text(self._steps.get(step, flow_words.named(step))) if step else "They enter the flow"

    def _moved(self, one: Move) -> str:
        node, port = self._nodes.get(one.step or ""), one.detail.get("port")
        if one.code == "entered":
            return ""
        if one.code in _PARTING and node is not None and isinstance(port, str):
            way = "held out: nothing more, to compare with" if port not in node.branches else ""
            return self._text(f"They go this way: {way or flow_words.way(node, port, self._trial.flow.definition)}.")
        return self._text(reasons.decision(one.code, one.detail))

    def _mail(self, one: Letter) -> Mail:
        verdict = "sent" if one.sent else "not sent" if one.reason else "waits"
        says = [
            f"Put off from {self._when(put.at)} until {self._when(put.until)}:"
            f" {reasons.sentence(put.reason, put.inputs)}"
            for put in one.put_off
        ]
        if one.reason:
            says.append(reasons.sentence(one.reason, one.inputs))
        says += [
            *(f"As it stands now nothing leaves. {said}" for said in one.standing),
            *([f"It cannot be shown. {one.problem}"] if one.problem else []),
        ]
        proof = one.proof
        return Mail(
            one.variant, one.channel, one.purpose, verdict, tuple(map(self._text, says)),
            tuple(Check(reasons.CHECKS.get(it.check, flow_words.named(it.check)), it.verdict) for it in one.checks),
            tuple((name, self._text(value)) for name, value in preview.told(proof)) if proof else (),
            harmless_text(proof.text, self._eyes, *self._names) if proof else "",
            harmless(proof.html, self._eyes, *self._names) if proof else "", one.invented,
        )  # fmt: skip

    def _ends(self) -> str:
        trial = self._trial
        if trial.entered_at is None:
            return "They would not enter."
        if trial.outcome is not None:
            return f"The flow is over for them on {self._when(trial.until)}: they {flow_words.outcome(trial.outcome)}."
        if trial.waits_for:
            return f"They stay inside and wait for: {' or '.join(map(flow_words.event, trial.waits_for))}."
        return f"So far it was looked ahead, to {self._when(trial.until)}; they are still inside."


def _saw(leaf: Leaf) -> str:
    return leaf.why or f"it is {shown_fact(leaf.fact)}"
