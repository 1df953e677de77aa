"""The one place that answers “may this message be sent now”.

Asked when the effect is created and again at dispatch, under the person's lock. The checks run in the order
of ORDER; the first that objects decides, with its reason code. A transactional message passes those that are
about marketing. A deferral that would end after the message's deadline is at once a skip.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.core import calendar, hours
from flows.core.hours import Quiet
from flows.core.model import CapPlan, Purpose
from flows.core.permission import No, Permission

LOOKING_UP = timedelta(minutes=5)
"""How long to wait for consent that is being fetched from the store."""
HELD = timedelta(hours=6)
"""How soon to ask again while the person is held, e.g. by an open support ticket."""
YIELDS = 2
"""A message gives way to others this often and no more."""
STOPS_TRANSACTIONAL = frozenset({"hard_bounce", "complaint", "blocked"})
"""Suppressions that say the address does not work or must not be written to; others are about marketing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` marketing messages of one channel in any `days` days."""

    count: int
    days: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry of the send ledger."""

    flow: str
    run_id: UUID
    channel: str
    purpose: Purpose
    cap: CapPlan
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Rival:
    """Another marketing message that waits to be sent to the same person."""

    priority: int
    due_at: datetime
    run_id: UUID
    flow: str


@dataclass(frozen=True, slots=True)
class GateMessage:
    """`deferrals`: how often it was deferred already. `exits`: the events that its flow exits on."""

    flow: str
    run_id: UUID
    channel: str
    purpose: Purpose
    cap: CapPlan
    priority: int
    due_at: datetime
    deadline: datetime
    deferrals: int = 0
    exits: tuple[str, ...] = ()
    not_while_in: tuple[str, ...] = ()
    hold_after_purchase: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Send:
    pass


@dataclass(frozen=True, slots=True)
class Defer:
    until: datetime
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


Verdict = Send | Defer | Skip
Objection = Defer | Skip | None


@dataclass(frozen=True, slots=True)
class GateFacts:
    """Everything the gate reads.

    `exit_mark`: the name of an event that reached this run since it began. `permission`: whether the
    person agreed to such messages, None when unknown; `consent_pending`: it is being fetched. `suppressed`, `held`,
    `render_problem`: why, else None. `live_tags`: tags of the other flows the person is in. `rivals`: the
    person's other marketing messages that are due. `ledger`: at least what lies within the caps' days and the
    local day. `quiet`: the hours in which this channel may be used, None when it is bound to none; `timezone`: whose
    days are the person's. `channel_objects`: what the channel itself has against this message. `daily_quota_until`:
    the emails of the provider's plan are used up until then for a message like this one.
    """

    erased: bool = False
    test_only: bool = False
    goal_reached: bool = False
    exit_mark: str | None = None
    permission: Permission | None = None
    consent_pending: bool = False
    suppressed: str | None = None
    held: str | None = None
    live_tags: Collection[str] = ()
    last_purchase_at: datetime | None = None
    rivals: Sequence[Rival] = ()
    ledger: Sequence[Sent] = ()
    flow_cap: Limit | None = None
    shop_cap: Limit | None = None
    quiet: Quiet | None = None
    timezone: str | None = None
    channel_objects: Objection = None
    render_problem: str | None = None
    daily_quota_until: datetime | None = None


Check = Callable[[GateMessage, GateFacts, datetime], Objection]


def gate(message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    """Send, Defer (ask again at `until`) or Skip, with the reason code and the inputs that decided."""
    return _answer(ORDER, message, facts, now)


def may_act(message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    """The same for an effect that is no message: it writes to nobody, so that only the end of the run stops it."""
    return _answer(OF_ACTIONS, message, facts, now)


def _answer(checks: Sequence[Check], message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
    for check in checks:
        objection = check(message, facts, now)
        if objection is None:
            continue
        if isinstance(objection, Defer) and objection.until > message.deadline:
            return Skip("deadline", {"because": objection.reason, **objection.detail})
        return objection
    return Send()


def _zone(facts: GateFacts) -> ZoneInfo:
    return calendar.zone(facts.timezone)


def _erased(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.erased:
        return Skip("erased")
    return Skip("test_only") if facts.test_only else None


def _goal(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("goal_reached") if facts.goal_reached else None


def _exit(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("exit_rule", {"event": facts.exit_mark}) if facts.exit_mark in message.exits else None


def _consent(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if message.purpose == "transactional":
        return None
    if isinstance(facts.permission, No):
        return Skip("no_consent", {"why": facts.permission.reason, "channel": message.channel})
    if facts.permission is not None:
        return None
    if facts.consent_pending:
        return Defer(now + LOOKING_UP, "consent_unknown")
    return Skip("consent_unknown", {"channel": message.channel})


def _suppressed(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.suppressed is None:
        return None
    if message.purpose == "transactional" and facts.suppressed not in STOPS_TRANSACTIONAL:
        return None
    return Skip("suppressed", {"why": facts.suppressed})


def _channel(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return facts.channel_objects


def _held(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.held is None or message.purpose == "transactional":
        return None
    return Defer(now + HELD, "held", {"why": facts.held})


def _excluded(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if message.purpose == "transactional":
        return None
    for tag in message.not_while_in:
        if tag in facts.live_tags:
            return Skip("excluded", {"tag": tag})
    return None


def _recent_purchase(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    hold, last = message.hold_after_purchase, facts.last_purchase_at
    if message.purpose == "transactional" or hold is None or last is None or now >= last + hold:
        return None
    return Defer(last + hold, "recent_purchase", {"purchased_at": last.isoformat()})


def _limited(message: GateMessage) -> bool:
    """Whether what other flows send limits this message. A flow with a plan of its own (`own`) or without any
    (`exempt`) does not yield; what it sends is counted (`own`) or not (`exempt`)."""
    return message.purpose == "marketing" and message.cap == "count"


def _rank(priority: int, due_at: datetime, run_id: UUID) -> tuple[int, datetime, UUID]:
    return (-priority, due_at, run_id)


def _rival(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if not _limited(message) or message.deferrals >= YIELDS:
        return None
    where = _zone(facts)
    own = _rank(message.priority, message.due_at, message.run_id)
    for rival in facts.rivals:
        due_today = calendar.same_day(max(rival.due_at, now), now, where)
        before = _rank(rival.priority, rival.due_at, rival.run_id) < own
        if rival.flow != message.flow and due_today and before:
            detail = {"flow": rival.flow, "priority": rival.priority}
            return Defer(hours.next_morning(now, facts.quiet, where), "rival", detail)
    return None


def _contacted_today(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if not _limited(message):
        return None
    where = _zone(facts)
    for sent in facts.ledger:
        counts = sent.purpose == "marketing" and sent.cap != "exempt" and sent.flow != message.flow
        if counts and calendar.same_day(sent.counted_at, now, where):
            detail = {"flow": sent.flow, "channel": sent.channel}
            return Defer(hours.next_morning(now, facts.quiet, where), "contacted_today", detail)
    return None


def _over(limit: Limit, counted: Sequence[datetime], now: datetime) -> datetime | None:
    """When there is room again, None when there is room now."""
    window = timedelta(days=limit.days)
    inside = sorted(moment for moment in counted if moment > now - window)
    return inside[-limit.count] + window if len(inside) >= limit.count else None


def _flow_cap(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.flow_cap is None or message.purpose == "transactional":
        return None
    counted = [sent.counted_at for sent in _counted(message, facts) if sent.flow == message.flow]
    until = _over(facts.flow_cap, counted, now)
    return Defer(until, "flow_cap", {"count": facts.flow_cap.count}) if until else None


def _shop_cap(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if facts.shop_cap is None or not _limited(message):
        return None
    counted = [sent.counted_at for sent in _counted(message, facts) if sent.cap != "exempt"]
    until = _over(facts.shop_cap, counted, now)
    return Defer(until, "shop_cap", {"count": facts.shop_cap.count}) if until else None


def _counted(message: GateMessage, facts: GateFacts) -> list[Sent]:
    return [s for s in facts.ledger if s.purpose == "marketing" and s.channel == message.channel]


def _quiet(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    if message.purpose == "transactional" or facts.quiet is None:
        return None
    moment = hours.next_open(now, facts.quiet)
    if moment == now:
        return None
    # Where none is in sight, hardly any deadline is that far away.
    return Defer(moment or now + hours.HORIZON, "quiet_hours", facts.quiet.why)


def _render(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("render", {"problem": facts.render_problem}) if facts.render_problem else None


def _daily_quota(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Defer(facts.daily_quota_until, "daily_quota") if facts.daily_quota_until else None


def _deadline(message: GateMessage, facts: GateFacts, now: datetime) -> Objection:
    return Skip("deadline", {"deadline": message.deadline.isoformat()}) if now > message.deadline else None


ORDER: tuple[Check, ...] = (
    _erased,
    _goal,
    _exit,
    _consent,
    _suppressed,
    _channel,
    _held,
    _excluded,
    _recent_purchase,
    _rival,
    _contacted_today,
    _flow_cap,
    _shop_cap,
    _quiet,
    _render,
    _deadline,
    _daily_quota,
)
OF_ACTIONS: tuple[Check, ...] = (_erased, _goal, _exit, _deadline)
