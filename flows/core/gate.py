"""The one place that answers “may this message be sent now”.

Asked when the effect is created and again at dispatch, under the person's lock. The checks run in the order
of ORDER; the first that objects decides, with its reason code. A transactional message passes those that are
about marketing. A deferral that would end after the message's deadline is at once a skip.

``examine`` asks every check, for whoever wants to know why: the gate is the first of its answers that objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.core.inquiry import Defer, GateFacts, GateMessage, Objection, Rival, Send, Skip, Verdict
from flows.core.objections import EVERY, LIMITED, MARKETING, OF_ACTIONS, ORDER, Check, Objector, kind

__all__ = [
    "Answer",
    "Defer",
    "GateFacts",
    "GateMessage",
    "Objection",
    "Rival",
    "Send",
    "Skip",
    "Verdict",
    "examine",
    "examine_action",
    "gate",
    "may_act",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check says, whatever the others do. `concerns`: False when it is not about such messages; `verdict` is
    Send then, as when it has nothing against the message. `inputs`: what it looked at, as JSON."""

    check: str
    concerns: bool
    verdict: Verdict
    inputs: Mapping[str, Any]


# By kind of message: the gate is asked twice for each.
_ASKED = {
    each: tuple(check.objects for check in ORDER if check.concerns <= each) for each in (EVERY, MARKETING, LIMITED)
}
_ASKED_OF_ACTIONS = tuple(check.objects for check in OF_ACTIONS)


def gate(message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    """Send, Defer (ask again at `until`) or Skip, with the reason code and the inputs that decided."""
    return _first(_ASKED[kind(message)], message, facts, now)


def may_act(message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    """The same for an effect that is no message: it writes to nobody, so that only the end of the run stops it."""
    return _first(_ASKED_OF_ACTIONS, message, facts, now)


def examine(message: GateMessage, facts: GateFacts, now: datetime) -> tuple[Answer, ...]:
    """What every check of the gate says, in its order. `gate` gives the first verdict of these that is no Send."""
    return tuple(_answer(check, message, facts, now) for check in ORDER)


def examine_action(message: GateMessage, facts: GateFacts, now: datetime) -> tuple[Answer, ...]:
    """The same for an effect that is no message, as `may_act` answers."""
    return tuple(_answer(check, message, facts, now) for check in OF_ACTIONS)


def _first(asked: Sequence[Objector], message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    for objects in asked:
        objection = objects(message, facts, now)
        if objection is not None:
            return _in_time(objection, message)
    return Send()


def _answer(check: Check, message: GateMessage, facts: GateFacts, now: datetime) -> Answer:
    concerns = check.concerns <= kind(message)
    objection = check.objects(message, facts, now) if concerns else None
    verdict = _in_time(objection, message) if objection else Send()
    return Answer(check.name, concerns, verdict, check.reads(message, facts, now))


def _in_time(objection: Defer | Skip, message: GateMessage) -> Defer | Skip:
    if isinstance(objection, Defer) and objection.until > message.deadline:
        return Skip("deadline", {"because": objection.reason, **objection.detail})
    return objection
