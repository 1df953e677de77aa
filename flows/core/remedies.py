"""What would change an answer that keeps somebody out of a flow, or a message back. Pure; one line for each code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.core.facts import Facts
from flows.core.gate import Defer, Skip
from flows.core.model import FlowVersion, Note
from flows.core.wants import Want, wanted

NEVER = "nothing"
NO_ADDRESS = "no_address"
"""What cannot be filled in of a message to somebody whom its channel could not write to."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """`sentence`: what has to become so. `after`: from when on it is so by itself, when time is enough. `wants`: the
    leaves of a condition that have to answer otherwise. `possible`: False when nothing that may still happen helps."""

    sentence: str
    after: datetime | None = None
    wants: tuple[Want, ...] = ()
    possible: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "sentence": self.sentence,
            "after": self.after.isoformat() if self.after else None,
            "wants": [want.to_json() for want in self.wants],
            "possible": self.possible,
        }


OF_ENTRY: Mapping[str, str] = {
    "other_event": "{trigger} happens",
    "other_threshold": "{trigger} is told for the length of time that the flow asks for",
    "other_schedule": "the moment of this flow's own schedule comes",
    "trigger_unmatched": "{trigger} happens and {wants}",
    "trigger_unclear": "{trigger} happens and {wants}",
    "not_counted": "{trigger} happens with an order that the shop counts",
    "historical": "{trigger} happens; what was imported starts nothing",
    "moved_in_circles": "the flows no longer hand people on to one another in a circle",
    "nobody": "it becomes known whose event it is",
    "no_key": "{trigger} happens and brings {path}",
    "outside_audience": "{wants}",
    "audience_unclear": "{wants}",
    "already_in": "the run that is under way is over",
    "same_occurrence": "the next occurrence of the schedule comes",
    "entered_before": f"{NEVER}: the flow lets nobody in twice",
    "entered_lately": "it is later",
    "excluded": "they are in no flow tagged {tag}",
    "exclusion_unclear": "it becomes known in which flows they are",
    "other_arm": f"{NEVER}: in the test {{test}} this person is in the arm {{arm}}",
    "held_out": f"{NEVER}: chance holds this person out as long as the flow holds out {{percent}} %",
    "not_permitted": "they agree to messages on a channel of the flow",
    "not_active": "the flow is active (it is {status})",
}
"""What the codes of refusals ask for. In braces: entries of the refusal's detail, the trigger, the wants in words."""

OF_MESSAGES: Mapping[str, str] = {
    "erased": f"{NEVER}: the person asked to be forgotten",
    "test_only": "the address is one for tests, or everybody is written to again",
    "mode_brevo": "the connector runs the flow again",
    "goal_reached": f"{NEVER}: the run has reached its goal",
    "exit_rule": f"{NEVER}: the run is over",
    "channel_unavailable": "messages by {channel} can be sent",
    "no_consent": "they agree to marketing on {channel}",
    "consent_unknown": "they agree to marketing on {channel}, or the store says that they did",
    "suppressed": "they have another address, or this one is taken off the list ({why})",
    "held": "the hold is over ({why})",
    "excluded": "they are in no flow tagged {tag}",
    "recent_purchase": "it is longer ago that they bought",
    "rival": "the message of {flow} has left, or it is another day",
    "contacted_today": "it is another day",
    "flow_cap": "there is room in the flow's own limit",
    "shop_cap": "there is room in the shop's limit",
    "quiet_hours": "the quiet hours are over",
    "render": "the message can be filled in ({problem})",
    "deadline": f"{NEVER}: it would come too late",
    "daily_quota": "the provider's day has begun anew",
}
"""What the reasons of the gate ask for."""

_WHY_NO_CONSENT: Mapping[str, str] = {
    "pending": "they confirm that they agree to marketing on {channel}",
    "needs_doi": "they confirm by the link of a confirmation mail that they agree to marketing on {channel}",
    "consent_expired": "they agree anew to marketing on {channel}; what they agreed to has run out",
    "no_rule": f"{NEVER}: where they live there is no lawful way for this on {{channel}}",
    "soft_opt_in_off": "they agree to marketing on {channel}; having bought is not enough where they live",
    "no_purchase": "they buy something, or agree to marketing on {channel}",
}


class _Gaps(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"({name})"


def of_entry(flow: FlowVersion, note: Note, facts: Facts, now: datetime) -> Remedy:
    """What would have to be otherwise for this refusal of `enrol` not to be made. `facts`: with those of the event."""
    condition = None
    if note.code in ("outside_audience", "audience_unclear"):
        condition = flow.audience
    elif note.code in ("trigger_unmatched", "trigger_unclear"):
        condition = flow.trigger.where
    wants = wanted(condition, facts, now) if condition is not None else ()
    words = " and ".join(want.sentence() for want in wants)
    given = {**note.detail, "trigger": flow.trigger.on, "wants": words}
    after = _moment(note.detail, "again_at")
    if after is None and wants and condition is flow.audience:
        ripe = [want.comes_true_at(now) for want in wants]
        after = max((moment for moment in ripe if moment is not None), default=None) if all(ripe) else None
    return _remedy(OF_ENTRY.get(note.code, ""), given, after, wants)


def of_message(verdict: Defer | Skip, *, channel: str) -> Remedy:
    """What would have to be otherwise for this objection of the gate not to be made."""
    reason = str(verdict.detail.get("because", "")) if verdict.reason == "deadline" else verdict.reason
    late = reason != verdict.reason
    given = {**verdict.detail, "channel": channel}
    sentence = OF_MESSAGES.get(reason or "deadline", "the channel carries it ({why})")
    if verdict.detail.get("problem") == NO_ADDRESS:
        sentence = "there is something to write to them at by {channel}"
    if reason == "no_consent":
        sentence = _WHY_NO_CONSENT.get(str(verdict.detail.get("why", "")), sentence)
    after = verdict.until if isinstance(verdict, Defer) else None
    if late and not sentence.startswith(NEVER):
        sentence += ", before the message's deadline"
    return _remedy(sentence, given, after, ())


def _remedy(sentence: str, given: Mapping[str, Any], after: datetime | None, wants: tuple[Want, ...]) -> Remedy:
    text = sentence.format_map(_Gaps(given))
    possible = not text.startswith(NEVER)
    if after is not None and possible:
        text = f"{text}: after {after:%Y-%m-%d %H:%M} UTC".removeprefix(": ")
    return Remedy(text, after, wants, possible)


def _moment(detail: Mapping[str, Any], name: str) -> datetime | None:
    value = detail.get(name)
    return datetime.fromisoformat(value) if isinstance(value, str) else None
