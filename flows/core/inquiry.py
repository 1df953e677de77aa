"""What the gate is asked and what it answers: a message, the facts about it and the person, a verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flows.core.caps import Sent
from flows.core.hours import Quiet
from flows.core.model import CapPlan, Limit, OnCap, Purpose
from flows.core.permission import Permission


@dataclass(frozen=True, slots=True)
class Rival:
    """Another marketing message that waits to be sent to the same person."""

    priority: int
    due_at: datetime
    run_id: UUID
    flow: str


@dataclass(frozen=True, slots=True)
class GateMessage:
    """`deferrals`: how often it was deferred already."""

    flow: str
    run_id: UUID
    channel: str
    purpose: Purpose
    cap: CapPlan
    priority: int
    due_at: datetime
    deadline: datetime
    deferrals: int = 0
    not_while_in: tuple[str, ...] = ()
    hold_after_purchase: timedelta | None = None
    on_cap: OnCap = "defer"


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

    `left_to_brevo`: the provider's automation runs the flow. `exit_mark`: the name of an event that ends this run and
    has happened, whether or not the run has heard of it. `permission`: whether the person agreed to such messages,
    None when unknown; `consent_pending`: it is being fetched. `suppressed`, `held`, `render_problem`: why, else None.
    `live_tags`: tags of the other flows the person is in. `rivals`: the person's other marketing messages that are
    due. `ledger`: at least what lies within the caps' days and the local day. `flow_caps`, `shop_caps`: the limits of
    the flow's own plan and of the shop. `quiet`: the hours in which this channel may be used, None when it is bound
    to none; `timezone`: whose days are the person's. `channel_objects`: what the channel itself has against this
    message. `daily_quota_until`: the emails of the provider's plan are used up until then for a message like this one.
    """

    erased: bool = False
    test_only: bool = False
    left_to_brevo: bool = False
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
    flow_caps: Sequence[Limit] = ()
    shop_caps: Sequence[Limit] = ()
    quiet: Quiet | None = None
    timezone: str | None = None
    channel_objects: Objection = None
    render_problem: str | None = None
    daily_quota_until: datetime | None = None
