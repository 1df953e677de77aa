"""What may speak against a message: one check each, in the order in which the gate asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.core import calendar, caps, hours
from flows.core.caps import Sent
from flows.core.inquiry import Defer, GateFacts, GateMessage, Objection, Rival, Skip
from flows.core.model import Limit
from flows.core.permission import No

LOOKING_UP = timedelta(minutes=5)
"""How long to wait for consent that is being fetched from the store."""
HELD = timedelta(hours=6)
"""How soon to ask again while the person is held, e.g. by an open support ticket."""
YIELDS = 2
"""A message gives way to others this often and no more."""
STOPS_TRANSACTIONAL = frozenset({"hard_bounce", "complaint", "blocked"})
"""Suppressions that say the address does not work or must not be written to; others are about marketing."""
HOLDS_TRANSACTIONAL = frozenset({"flow_paused"})
"""Holds that are about the flow; others are about marketing."""
UNAVAILABLE = frozenset({"push"})
"""Channels that flows may name and that nothing sends by yet."""


Objector = Callable[[GateMessage, GateFacts, datetime], Objection]

EVERY, MARKETING, LIMITED = range(3)
"""Which messages a check concerns: every one; marketing; marketing that what other flows send limits. A flow with a
plan of its own (`own`) or without any (`exempt`) does not yield; what it sends is counted all the same, so that others
do."""


def kind(message: GateMessage) -> int:
    """The narrowest of these that it belongs to: a check of a higher one does not concern it."""
    if message.purpose == "transactional":
        return EVERY
    return LIMITED if message.cap == "count" else MARKETING


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the gate. `concerns`: EVERY, MARKETING or LIMITED. `objects`: what it has against the message.
    `reads`: what it looks at, as JSON, to be shown."""

    name: str
    concerns: int
    objects: Objector
    reads: Callable[[GateMessage, GateFacts, datetime], Mapping[str, Any]]


def _zone(facts: GateFacts) -> ZoneInfo:
    return calendar.zone(facts.timezone)


def _tomorrow(facts: GateFacts, now: datetime) -> datetime:
    return hours.next_morning(now, facts.quiet, _zone(facts))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _erased(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("erased") if facts.erased else None


def _test_only(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("test_only") if facts.test_only else None


def _mode(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("mode_brevo") if facts.left_to_brevo else None


def _goal(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("goal_reached") if facts.goal_reached else None


def _exit(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("exit_rule", {"event": facts.exit_mark}) if facts.exit_mark else None


def _available(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("channel_unavailable", {"channel": message.channel}) if message.channel in UNAVAILABLE else None


def _consent(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if isinstance(facts.permission, No):
        return Skip("no_consent", {"why": facts.permission.reason, "channel": message.channel})
    if facts.permission is not None:
        return None
    if facts.consent_pending:
        return Defer(now + LOOKING_UP, "consent_unknown")
    return Skip("consent_unknown", {"channel": message.channel})


def _consent_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    allowed = "unknown" if facts.permission is None else "no" if isinstance(facts.permission, No) else "yes"
    why = facts.permission.reason if isinstance(facts.permission, No) else None
    return {"channel": message.channel, "allowed": allowed, "why": why, "being_fetched": facts.consent_pending}


def _suppressed(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.suppressed is None:
        return None
    if message.purpose == "transactional" and facts.suppressed not in STOPS_TRANSACTIONAL:
        return None
    return Skip("suppressed", {"why": facts.suppressed})


def _channel(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return facts.channel_objects


def _channel_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    objection = facts.channel_objects
    return {"channel": message.channel, **({"why": objection.reason, **objection.detail} if objection else {})}


def _held(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.held is None or (message.purpose == "transactional" and facts.held not in HOLDS_TRANSACTIONAL):
        return None
    return Defer(now + HELD, "held", {"why": facts.held})


def _excluded(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    for tag in message.not_while_in:
        if tag in facts.live_tags:
            return Skip("excluded", {"tag": tag})
    return None


def _recent_purchase(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    hold, last = message.hold_after_purchase, facts.last_purchase_at
    if hold is None or last is None or now >= last + hold:
        return None
    return Defer(last + hold, "recent_purchase", {"purchased_at": last.isoformat()})


def _recent_purchase_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    hold = message.hold_after_purchase
    return {"last_purchase_at": _iso(facts.last_purchase_at), "hold_hours": hold / timedelta(hours=1) if hold else None}


def _rank(priority: int, due_at: datetime, run_id: UUID) -> tuple[int, datetime, UUID]:
    return (-priority, due_at, run_id)


def _rivals_today(message: GateMessage, facts: GateFacts, now: datetime) -> list[Rival]:
    """Those of other flows that go first today."""
    where = _zone(facts)
    own = _rank(message.priority, message.due_at, message.run_id)
    return [
        rival
        for rival in facts.rivals
        if rival.flow != message.flow
        and calendar.same_day(max(rival.due_at, now), now, where)
        and _rank(rival.priority, rival.due_at, rival.run_id) < own
    ]


def _rival(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if message.deferrals >= YIELDS:
        return None
    for rival in _rivals_today(message, facts, now):
        return Defer(_tomorrow(facts, now), "rival", {"flow": rival.flow, "priority": rival.priority})
    return None


def _rival_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    rivals = _rivals_today(message, facts, now)
    shown = [{"flow": one.flow, "priority": one.priority, "due_at": one.due_at.isoformat()} for one in rivals]
    return {"priority": message.priority, "deferrals": message.deferrals, "go_first_today": shown}


def _others_today(message: GateMessage, facts: GateFacts, now: datetime) -> list[Sent]:
    """What other flows have sent today."""
    where = _zone(facts)
    return [
        sent
        for sent in caps.counted(facts.ledger)
        if sent.flow != message.flow and caps.on_the_same_day(sent, now, where)
    ]


def _contacted_today(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    for sent in _others_today(message, facts, now):
        return Defer(_tomorrow(facts, now), "contacted_today", {"flow": sent.flow, "channel": sent.channel})
    return None


def _contacted_today_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    found = _others_today(message, facts, now)
    shown = [{"flow": one.flow, "channel": one.channel, "at": one.counted_at.isoformat()} for one in found]
    return {"sent_by_other_flows_today": shown}


def _own_ledger(message: GateMessage, facts: GateFacts) -> list[Sent]:
    return [sent for sent in facts.ledger if sent.flow == message.flow]


def _flow_cap(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return _capped("flow_cap", facts.flow_caps, _own_ledger(message, facts), message, facts, now)


def _shop_cap(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return _capped("shop_cap", facts.shop_caps, facts.ledger, message, facts, now)


def _capped(
    reason: str,
    limits: Sequence[Limit],
    ledger: Sequence[Sent],
    message: GateMessage,
    facts: GateFacts,
    now: datetime,
) -> Objection:
    full = caps.reached(limits, message.channel, ledger, now, _zone(facts), lambda: _tomorrow(facts, now))
    if full is None:
        return None
    if message.on_cap == "drop":
        return Skip(reason, {**full.limit.to_json(), "room_at": full.until.isoformat()})
    return Defer(full.until, reason, full.limit.to_json())


def _flow_cap_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    return _cap_reads(facts.flow_caps, _own_ledger(message, facts), message, facts, now)


def _shop_cap_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    return _cap_reads(facts.shop_caps, facts.ledger, message, facts, now)


def _cap_reads(
    limits: Sequence[Limit], ledger: Sequence[Sent], message: GateMessage, facts: GateFacts, now: datetime
) -> Mapping[str, Any]:
    where = _zone(facts)
    shown = [
        {**limit.to_json(), "used": len(caps.used(limit, ledger, now, where))}
        for limit in limits
        if limit.binds(message.channel)
    ]
    return {"plan": message.cap, "on_cap": message.on_cap, "limits": shown}


def _quiet(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.quiet is None:
        return None
    moment = hours.next_open(now, facts.quiet)
    if moment == now:
        return None
    # Where none is in sight, hardly any deadline is that far away.
    return Defer(moment or now + hours.HORIZON, "quiet_hours", facts.quiet.why)


def _quiet_reads(message: GateMessage, facts: GateFacts, now: datetime) -> Mapping[str, Any]:
    return {} if facts.quiet is None else facts.quiet.why


def _render(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("render", {"problem": facts.render_problem}) if facts.render_problem else None


def _daily_quota(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Defer(facts.daily_quota_until, "daily_quota") if facts.daily_quota_until else None


def _deadline(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("deadline", {"deadline": message.deadline.isoformat()}) if now > message.deadline else None


ERASED = Check("erased", EVERY, _erased, lambda m, f, now: {"erased": f.erased})
MODE = Check("mode", EVERY, _mode, lambda m, f, now: {"left_to_brevo": f.left_to_brevo})
GOAL = Check("goal", EVERY, _goal, lambda m, f, now: {"reached": f.goal_reached})
EXIT = Check("exit", EVERY, _exit, lambda m, f, now: {"event": f.exit_mark})
DEADLINE = Check("deadline", EVERY, _deadline, lambda m, f, now: {"deadline": m.deadline.isoformat()})

ORDER: tuple[Check, ...] = (
    ERASED,
    Check("test_only", EVERY, _test_only, lambda m, f, now: {"test_only": f.test_only}),
    MODE,
    GOAL,
    EXIT,
    Check("available", EVERY, _available, lambda m, f, now: {"channel": m.channel}),
    Check("consent", MARKETING, _consent, _consent_reads),
    Check("suppressed", EVERY, _suppressed, lambda m, f, now: {"channel": m.channel, "why": f.suppressed}),
    Check("channel", EVERY, _channel, _channel_reads),
    Check("held", EVERY, _held, lambda m, f, now: {"why": f.held}),
    Check(
        "excluded",
        MARKETING,
        _excluded,
        lambda m, f, now: {"not_while_in": list(m.not_while_in), "in": sorted(f.live_tags)},
    ),
    Check("recent_purchase", MARKETING, _recent_purchase, _recent_purchase_reads),
    Check("rival", LIMITED, _rival, _rival_reads),
    Check("contacted_today", LIMITED, _contacted_today, _contacted_today_reads),
    Check("flow_cap", MARKETING, _flow_cap, _flow_cap_reads),
    Check("shop_cap", LIMITED, _shop_cap, _shop_cap_reads),
    Check("quiet_hours", MARKETING, _quiet, _quiet_reads),
    Check("render", EVERY, _render, lambda m, f, now: {"problem": f.render_problem}),
    DEADLINE,
    Check("daily_quota", EVERY, _daily_quota, lambda m, f, now: {"until": _iso(f.daily_quota_until)}),
)
OF_ACTIONS: tuple[Check, ...] = (ERASED, MODE, GOAL, EXIT, DEADLINE)
