"""The words of the core: events, flows, runs, what wakes a run and what a transition answers.

Everything is frozen. What is stored goes through ``to_json`` / ``from_json`` (plain JSON values, moments as
ISO 8601 text); moments are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from flows.core.conditions import Condition
from flows.core.experiments import WholeFlowTest
from flows.core.schedules import Schedule

Purpose = Literal["marketing", "transactional"]
CapPlan = Literal["count", "own", "exempt"]
"""What limits a flow's messages besides its own plan: `count`: the shop's caps; `own`: nothing, it keeps to its plan;
`exempt`: nothing, it has no plan either. All of them are counted, so that flows with `count` give way."""
OnCap = Literal["defer", "drop"]
"""What becomes of a message for which a cap has no room: it waits for room, or it is left out."""
Settled = Literal["accepted", "skipped", "failed", "unknown"]
Wake = tuple[str, ...]
"""What a parked run waits for: ``("timer",)``, ``("effect", key)`` or ``("event", name)``."""
ONLY_A_TIMER: tuple[Wake, ...] = (("timer",),)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of the event log. `key` reaches runs besides the person, e.g. a checkout token."""

    id: UUID
    name: str
    occurred_at: datetime
    subject: str
    key: str | None
    person_id: int | None
    props: Mapping[str, Any]
    historical: bool = False
    seq: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "occurred_at": self.occurred_at.isoformat(),
            "subject": self.subject,
            "key": self.key,
            "person_id": self.person_id,
            "props": dict(self.props),
            "historical": self.historical,
            "seq": self.seq,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        return cls(**{**data, "id": UUID(data["id"]), "occurred_at": datetime.fromisoformat(data["occurred_at"])})


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` marketing messages in any `days` x 24 hours; `days` None: on one day of the calendar where the
    person lives. `channel`: only those of this channel count and are limited, None: those of all channels together."""

    count: int
    days: int | None
    channel: str | None = None

    def binds(self, channel: str) -> bool:
        """Whether messages of this channel are limited, and counted."""
        return self.channel is None or self.channel == channel

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "per": "day" if self.days is None else f"{self.days}d", "channel": self.channel}


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """What the core knows of a message; subject and body belong to `flows.content`.

    `deadline` counts from the moment the message was due: later than that it is not sent at all. `coupons`: the names
    of the coupons that its text shows.
    """

    name: str
    channel: str
    purpose: Purpose
    deadline: timedelta
    coupons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a compiled flow. `ports` name the next step by id; None is the end of the flow."""

    id: str
    kind: str
    config: Any
    ports: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Trigger:
    """`after` is the threshold of the signal itself, not a further wait. `key` is a path into the event. `schedule`:
    when people enter who are let in by the calendar."""

    on: str
    after: timedelta | None = None
    key: str | None = None
    where: Condition | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Reentry:
    kind: Literal["never", "always", "after"]
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """`match` is a path that must have the same value in the goal's event as in the trigger's event."""

    event: str
    within: timedelta
    match: str | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """An event that ends the flow at once. `where` asks about that event alone; `match` is a path that must have the
    same value in it as in the trigger's event. `move_to`: the flow that the person is put into instead."""

    on: str
    where: Condition | None = None
    match: str | None = None
    move_to: str | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """Events with which a run begins anew: always, or only when what they carry at the path `when_different` is not
    what the run began with."""

    on: tuple[str, ...]
    when_different: str | None = None


@dataclass(frozen=True, slots=True)
class HoldOut:
    """This share of the people who would enter is kept out, to measure what the flow is worth."""

    percent: int


@dataclass(frozen=True, slots=True)
class FlowVersion:
    """A compiled flow. `definition` is the canonical plain data that it was compiled from.

    `hold_after_purchase`: no marketing message of this flow that soon after an order (None: never held).
    `caps`: its own plan, how much it sends to one person, whatever other flows do.
    `needs`: the families of facts that deciding reads. `limit`: nobody stays in it for longer. `test`: of which it is
    one arm.
    """

    flow: str
    version: int
    name: str
    trigger: Trigger
    audience: Condition | None
    reentry: Reentry
    priority: int
    cap: CapPlan
    goal: Goal | None
    exit_rules: tuple[Exit, ...]
    tags: tuple[str, ...]
    not_while_in: tuple[str, ...]
    hold_after_purchase: timedelta | None
    hold_out: HoldOut | None
    steps: Mapping[str, Step]
    first: str | None
    messages: Mapping[str, MessageSpec]
    needs: frozenset[str]
    definition: Mapping[str, Any] = field(repr=False)
    caps: tuple[Limit, ...] = ()
    restart: Restart | None = None
    limit: timedelta | None = None
    test: WholeFlowTest | None = None

    @property
    def exits(self) -> tuple[str, ...]:
        """The names of the events that may end it at once."""
        return tuple(dict.fromkeys(rule.on for rule in self.exit_rules))

    @property
    def main_channel(self) -> str:
        """The channel of the flow's first message; email where it sends none."""
        named = (self.messages.get(getattr(step.config, "message", "")) for step in self.steps.values())
        return next((message.channel for message in named if message), "email")

    @property
    def listens(self) -> frozenset[str]:
        """The names of the events that can change anything for a run of this version, or start one."""
        goal = {self.goal.event} if self.goal else set()
        restart = self.restart.on if self.restart else ()
        awaited = {event for step in self.steps.values() if (event := getattr(step.config, "awaits", None))}
        return frozenset({self.trigger.on, *self.exits, *goal, *restart, *awaited})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked run acts only on a wake-up named here; a timer must carry the same token."""

    token: str
    wakes_on: tuple[Wake, ...]
    due_at: datetime | None = None

    def to_json(self, usual: str) -> dict[str, Any]:
        """Without what most have: the `usual` token of where the run stands, and a timer as all that wakes it."""
        data: dict[str, Any] = {"due_at": self.due_at.isoformat() if self.due_at else None}
        if self.token != usual:
            data["token"] = self.token
        if self.wakes_on != ONLY_A_TIMER:
            data["wakes_on"] = [list(wake) for wake in self.wakes_on]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], usual: str) -> Waiting:
        due_at = data["due_at"]
        return cls(
            data.get("token", usual),
            tuple(tuple(wake) for wake in data["wakes_on"]) if "wakes_on" in data else ONLY_A_TIMER,
            datetime.fromisoformat(due_at) if due_at else None,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One person inside one version of one flow.

    `key` tells runs of one person apart ("" when the flow has no key). `anchor_at` is the fact that started
    the clock (the last checkout change), `since` the moment the next wait counts from, `at` the step the run
    stands on, `visit` how many steps it has begun.
    """

    id: UUID
    flow: str
    version: int
    person_id: int
    key: str
    state: Literal["live", "done"]
    outcome: str | None
    entered_at: datetime
    anchor_at: datetime
    since: datetime
    trigger: Mapping[str, Any]
    at: str | None = None
    visit: int = 0
    waiting: Waiting | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)

    def moved(
        self, at: str | None, since: datetime, visit: int, vars: Mapping[str, Any], waiting: Waiting | None
    ) -> Run:
        """The same run in another place.

        Every step does this. Written out, because `dataclasses.replace` asks for every field by its name and was a
        quarter of all the time that a decision took.
        """
        return Run(
            self.id,
            self.flow,
            self.version,
            self.person_id,
            self.key,
            self.state,
            self.outcome,
            self.entered_at,
            self.anchor_at,
            since,
            self.trigger,
            at,
            visit,
            waiting,
            vars,
        )

    def position(self) -> dict[str, Any]:
        """Everything that has no column of its own, as JSON. It is stored for very many, so without what can be told
        otherwise."""
        position: dict[str, Any] = {
            "since": self.since.isoformat(),
            "trigger": dict(self.trigger),
            "at": self.at,
            "visit": self.visit,
            "waiting": self.waiting.to_json(f"{self.id}:{self.at}:{self.visit}") if self.waiting else None,
        }
        if self.vars:
            position["vars"] = dict(self.vars)
        return position

    @classmethod
    def restore(
        cls,
        *,
        id: UUID,
        flow: str,
        version: int,
        person_id: int,
        key: str,
        state: Literal["live", "done"],
        outcome: str | None,
        entered_at: datetime,
        anchor_at: datetime,
        position: Mapping[str, Any],
    ) -> Run:
        """The run that was stored as these columns and this position."""
        waiting = position["waiting"]
        return cls(
            id=id,
            flow=flow,
            version=version,
            person_id=person_id,
            key=key,
            state=state,
            outcome=outcome,
            entered_at=entered_at,
            anchor_at=anchor_at,
            since=datetime.fromisoformat(position["since"]),
            trigger=position["trigger"],
            at=position["at"],
            visit=position["visit"],
            waiting=Waiting.from_json(waiting, f"{id}:{position['at']}:{position['visit']}") if waiting else None,
            vars=position.get("vars", {}),
        )


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the same flow and person, live or done, as far as re-entry needs it."""

    key: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A refusal with its reason code and the inputs that decided it."""

    code: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entered:
    """The run has just been enrolled."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    token: str


@dataclass(frozen=True, slots=True)
class Happened:
    event: Event


@dataclass(frozen=True, slots=True)
class EffectDone:
    """What became of an effect. `unknown` (a time-out after the bytes left) does not wake the run: it stays
    parked until the outcome is settled. `result`: what an action brought, as JSON."""

    key: str
    outcome: Settled
    reason: str
    at: datetime
    result: Mapping[str, Any] = field(default_factory=dict)


Stimulus = Entered | TimerFired | Happened | EffectDone


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done outside, once. `key` is ``run:step:visit:n``; `due_at` is when it ought to leave
    (not later than now), `deadline` after which it must not. One that is no message has the name of its action as
    `channel`, no `message`, and `data`."""

    key: str
    channel: str
    message: str
    step: str
    purpose: Purpose
    due_at: datetime
    deadline: datetime
    priority: int
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a step changes here, at once and in the same transaction: no platform is asked and nothing is
    waited for (flows/engine/changes.py). `key` is unique, ``run:step:visit:n``; a step leaves `key` and `step` to the
    machine."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class TimerSet:
    key: str
    due_at: datetime
    token: str


@dataclass(frozen=True, slots=True)
class TimerCancel:
    key: str


@dataclass(frozen=True, slots=True)
class TrailLine:
    at: datetime
    code: str
    step: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transition:
    """The whole answer to one stimulus. A stimulus that means nothing to the run gives the same run and
    nothing else. `cancel_effects`: the run ended early; what has not left yet must not leave."""

    run: Run
    effects: tuple[Effect, ...] = ()
    timers: tuple[TimerSet | TimerCancel, ...] = ()
    trail: tuple[TrailLine, ...] = ()
    cancel_effects: bool = False
    changes: tuple[Change, ...] = ()
