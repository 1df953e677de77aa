"""Every code that the engine writes, as a sentence for staff: what became of a message, what was decided, and why.

The core and the engine say what their codes mean (``flows.core.reasons``, ``flows.engine.story``); here are the ends of
messages and actions besides, and sentences with the numbers that decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connector.admin import flow_words
from flows.core import reasons
from flows.engine import story
from flows.engine.story import because

STATES: Mapping[str, tuple[str, str]] = {
    "due": ("Waiting", "attention"),
    "leased": ("Being sent", "attention"),
    "sent": ("Sent", "good"),
    "skipped": ("Not sent", ""),
    "failed": ("Refused", "critical"),
    "unknown": ("Not known yet", "warning"),
}
"""State of a message -> (how it is said, tone of its badge)."""

REPORTED: Mapping[str, tuple[str, str]] = {
    "delivered": ("Delivered", "good"),
    "opened": ("Opened", "good"),
    "clicked": ("Clicked", "good"),
    "bounced": ("Came back", "critical"),
    "complained": ("Reported as spam", "critical"),
    "unsubscribed": ("Unsubscribed", "warning"),
}
"""What was told of a message (``outbox.NAME_at``) -> (how it is said, tone of its badge)."""

ENDS: Mapping[str, str] = {
    "no_answer": "The provider was called and its answer was not heard: it is being looked into.",
    "looked_up": "The provider's answer was not heard, but its log has the message.",
    "provider_event": "The provider's answer was not heard, but it reported on the message later.",
    "not_at_provider": "The provider never had the message: it is sent again.",
    "already_accepted": "The provider had taken the message at an earlier attempt.",
    "app_removed": "The shop had removed the app.",
    "no_address": "There is nothing to write to them at by this channel.",
    "cannot_tell": "Whether it may be sent could not be told.",
}
"""Reasons that are written where a message ends."""

ACTIONS: Mapping[str, str] = {
    "unfit": "The value does not fit what Brevo keeps there.",
    "no_endpoint": "There is no outgoing webhook of this name: see Webhooks.",
    "endpoint_off": "The outgoing webhook is switched off: see Webhooks.",
    "no_brevo": "No account at Brevo is connected.",
    "no_contact": "Brevo has no contact for this person.",
    "contact_not_there_yet": "Brevo has not been told of this person yet.",
    "payload_too_large": "What was to be handed on is more than Shopify takes.",
    "no_customer": "The store has no customer record for this person.",
    "not_staff": "The address is none of the shop's staff.",
    "nobody_to_notify": "The settings name nobody to be notified.",
    "looking_into": "The provider's answer was not heard: it is being looked into.",
    "list_of_consent": "People are on this list by their consent only.",
    "no_programme": "The shop's settings name no loyalty programme.",
    "kept_in_tags": "The loyalty programme keeps this in tags, which only it writes.",
    "standing_unknown": "It is not known yet how the person stands in the loyalty programme.",
    "too_few_points": "The person has too few points.",
    "no_such_tier": "The loyalty programme has no tier of this name.",
    "no_tiers": "The loyalty programme has no tiers.",
    "lowest_tier": "The person has the lowest tier already.",
    "highest_tier": "The person has the highest tier already.",
}
"""Why something that is no message was not done, or not yet."""

SENTENCES: Mapping[str, str] = {
    **ENDS,
    **ACTIONS,
    **story.DELIVERY,
    **reasons.MOVES,
    **reasons.REFUSALS,
    **reasons.PASSED_OVER,
    **reasons.OBJECTIONS,
    **reasons.WITHHELD,
    "not_active": "The flow is not active: nobody enters.",
}
"""Code -> what it means. ``run_OUTCOME``, ``refused: ...`` and ``NAME: ...`` are said by ``sentence``."""

NO_CONSENT: Mapping[str, str] = {
    "no_consent": "They have not agreed to marketing by {channel}.",
    "pending": "They have not confirmed yet that they want marketing by {channel}.",
    "needs_doi": "Where they live consent has to be confirmed by a link in a mail, and they have not done so.",
    "consent_expired": "Their consent to {channel} has run out and was not renewed.",
    "no_rule": "Where they live there is no lawful way to send them this by {channel}.",
    "soft_opt_in_off": "They only bought something, which is not enough where they live.",
    "no_purchase": "They have neither agreed to {channel} nor bought anything.",
}
"""Why consent does not do (``flows.core.permission``) -> a sentence."""

SUPPRESSED: Mapping[str, str] = {
    "hard_bounce": "Mail to the address came back for good: it does not exist any more.",
    "complaint": "They reported a message as spam.",
    "blocked": "The provider blocks the address.",
    "unsubscribed": "They opted out.",
    "sunset": "A flow has given up on them: no marketing until they agree anew.",
    "staff": "Staff have stopped marketing to this address.",
}
"""Reason of a suppression -> a sentence."""

RULES: Mapping[str, str] = {
    "status": "The flow is active",
    "trigger": "The event is one that starts the flow",
    "cause": "The flow itself is not behind the event",
    "counted": "The shop counts the order",
    "history": "It happened now, and was not imported",
    "person": "It is known whose event it is",
    "key": "The event says what it is about",
    "audience": "The flow is meant for people like them",
    "reentry": "They may enter, or enter again",
    "exclusion": "They are in no flow that this one keeps away from",
    "test": "Chance has put them into this arm of the test",
    "hold_out": "Chance does not keep them out for comparison",
    "desk": "Nothing else speaks against it",
}
"""Rule of entering -> what it asks."""

CHECKS: Mapping[str, str] = {
    "erased": "They have not asked to be forgotten",
    "test_only": "Not only test addresses are written to",
    "mode": "The connector runs the flow itself",
    "goal": "The goal is not reached yet",
    "exit": "Nothing has ended the flow for them",
    "available": "Messages can be sent by this channel",
    "consent": "They have agreed to it",
    "suppressed": "The address may be written to",
    "channel": "The channel carries it",
    "held": "Nothing is on hold",
    "excluded": "They are in no flow that this one keeps away from",
    "recent_purchase": "They have not just bought something",
    "rival": "No more important message is due today",
    "contacted_today": "No other flow has written to them today",
    "flow_cap": "The flow's own limit leaves room",
    "shop_cap": "The shop's limit leaves room",
    "quiet_hours": "It is no quiet hour where they live",
    "render": "The message can be filled in completely",
    "deadline": "It is not too late for it",
    "daily_quota": "The plan at Brevo has emails left today",
}
"""Check before a message -> what it asks."""


def sentence(code: str | None, detail: Mapping[str, Any] | None = None) -> str:
    """What this code says; "" for none. ``detail``: what was noted with it, for its numbers and names."""
    if not code:
        return ""
    given = detail or {}
    if code in _WITH_DETAIL and (said := _WITH_DETAIL[code](given)):
        return said
    if code in SENTENCES:
        return SENTENCES[code]
    if code.startswith("run_"):
        return f"It was not needed any more: by then they {flow_words.outcome(code.removeprefix('run_'))}."
    kind, colon, said = code.partition(": ")
    if colon and kind == "refused":
        return f"The provider refused it for good: {said}"
    return f"The provider could not take it; it is tried again: {said}" if colon else flow_words.named(code)


def decision(code: str, detail: Mapping[str, Any]) -> str:
    """A line of a trail, as sentences: what was decided, and why."""
    why = detail.get("reason")
    told = [SENTENCES.get(code) or flow_words.named(code)]
    if isinstance(why, str) and why:
        told.append(sentence(why, detail))
    elif code == "waiting" and (until := _moment(detail.get("until") or detail.get("due_at"))):
        told = [f"Waits until {until}."]
    elif code in ("finished", "exited", "taken_out") and (end := detail.get("outcome")):
        told.append(f"They {flow_words.outcome(str(end))}.")
    elif code in _WITH_DETAIL:
        told = [sentence(code, detail)]
    if code == "exited" and (event := detail.get("event")):
        told = [f"The flow ended for them: {flow_words.event(str(event))}."]
    if code == "gate_defer" and (until := _moment(detail.get("until"))):
        told.append(f"It is asked again {until}.")
    if leaf := because(detail):
        told.append(f"({flow_words.clause(leaf, [detail['because']['field']])})")
    return " ".join(told)


def _moment(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return ""


def _cap(whose: str) -> Callable[[Mapping[str, Any]], str]:
    def said(detail: Mapping[str, Any]) -> str:
        # What a check has looked at: the limit that is used up, among the others.
        full = (one for one in detail.get("limits") or () if one["used"] >= one["count"])
        detail = next(full, detail)
        if "count" not in detail or "per" not in detail:
            return ""
        by = f" by {_channel(detail['channel'])}" if detail.get("channel") else ""
        per = str(detail["per"])
        when = "today" if per == "day" else f"within {flow_words.spoken(per)}"
        count = detail["count"]
        messages = "marketing message" if count == 1 else "marketing messages"
        room = _moment(detail.get("room_at"))
        again = f" There is room again from {room}." if room else ""
        return f"They have had {count} {messages}{by} {when}, which is {whose} limit.{again}"

    return said


def _channel(name: Any) -> str:
    return flow_words.CHANNELS.get(str(name), str(name)).replace("Email", "email").replace("Text", "text")


def _no_consent(detail: Mapping[str, Any]) -> str:
    said = NO_CONSENT.get(str(detail.get("why", "")), "")
    return said.format(channel=_channel(detail.get("channel", "this channel")))


def _deadline(detail: Mapping[str, Any]) -> str:
    why = detail.get("because")
    before = f" Until then it had to wait: {sentence(str(why), detail)}" if why and why != "deadline" else ""
    return f"It would have come too late to be of use.{before}"


def _render(detail: Mapping[str, Any]) -> str:
    problem = str(detail.get("problem") or "")
    if problem == "no_address":
        return ENDS["no_address"]
    return f"The message could not be filled in completely: {problem}" if problem else ""


def _other_flow(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda detail: text.format(flow=flow_words.named(str(detail["flow"]))) if detail.get("flow") else ""


def _held(detail: Mapping[str, Any]) -> str:
    why = str(detail.get("why") or "")
    return f"It is on hold: {_HOLDS.get(why, flow_words.named(why))}." if why else ""


_HOLDS: Mapping[str, str] = {
    "flow_paused": "the flow is paused",
    "support_ticket": "they have asked for help and wait for an answer",
}

_WITH_DETAIL: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "shop_cap": _cap("the shop's"),
    "flow_cap": _cap("the flow's"),
    "no_consent": _no_consent,
    "suppressed": lambda detail: SUPPRESSED.get(str(detail.get("why", "")), ""),
    "deadline": _deadline,
    "render": _render,
    "rival": _other_flow("A message of higher priority was due on the same day, from the flow {flow}."),
    "contacted_today": _other_flow("The flow {flow} has written to them on the same day."),
    "excluded": lambda detail: f"They are in a flow tagged {detail['tag']}." if detail.get("tag") else "",
    "exit_rule": lambda detail: (
        f"What ends the flow has happened: {flow_words.event(str(detail['event']))}." if detail.get("event") else ""
    ),
    "held": _held,
    "held_out": lambda detail: (
        f"Chance keeps {detail['percent']} % of people out, to measure what the flow is worth."
        if detail.get("percent")
        else ""
    ),
    "entered_lately": lambda detail: (
        f"They were in the flow too short a time ago; they may enter again from {_moment(detail.get('again_at'))}."
        if _moment(detail.get("again_at"))
        else ""
    ),
}
