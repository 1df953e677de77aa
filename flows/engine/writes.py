"""What a batch of transitions wants written, collected in memory and written set-wise at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from connector.db.rows import among, replacing
from connector.models.event import pending_events
from connector.models.flow import decisions, goal_watches, runs, timers, trail
from connector.models.outbox import outbox
from connector.models.person import person_work
from connector.outbox import settle
from connector.scope import Scope
from flows.core.model import Run

TimerKey = tuple[str, str, str]
"""(kind, owner, key): what makes a timer unique within a shop."""


@dataclass
class Writes:
    """Rows by table. The order of ``write`` is the order of locks: runs, timers, outbox."""

    new_runs: dict[UUID, Run] = field(default_factory=dict)
    moved_runs: dict[UUID, Run] = field(default_factory=dict)
    timers: dict[TimerKey, dict[str, Any] | None] = field(default_factory=dict)
    """A row to be armed, or None for one to be removed."""
    outbox: list[dict[str, Any]] = field(default_factory=list)
    cancelled: dict[UUID, str] = field(default_factory=dict)
    """Runs that ended early, with the reason that their unsent messages get."""
    goals_opened: list[dict[str, Any]] = field(default_factory=list)
    goals_reached: list[dict[str, Any]] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    decided: list[tuple[int, UUID]] = field(default_factory=list)
    persons: set[int] = field(default_factory=set)

    def write(self, scope: Scope) -> None:
        """Write everything into the scope's transaction."""
        self._runs(scope)
        self._timers(scope)
        self._outbox(scope)
        self._goals(scope)
        if self.trail:
            scope.connection.execute(_TRAIL, self.trail)
        if self.decisions:
            scope.connection.execute(_DECISIONS, self.decisions)
        self._settled_events(scope)

    def _runs(self, scope: Scope) -> None:
        if self.new_runs:
            scope.connection.execute(
                _NEW_RUNS,
                [
                    {
                        "shop_id": scope.shop_id,
                        "id": run.id,
                        "flow": run.flow,
                        "version": run.version,
                        "person_id": run.person_id,
                        "key": run.key,
                        "entered_at": run.entered_at,
                        "anchor_at": run.anchor_at,
                        **_movable(run, scope.now),
                    }
                    for run in self.new_runs.values()
                ],
            )
        moved = [run for run in self.moved_runs.values() if run.id not in self.new_runs]
        if moved:
            scope.connection.execute(
                update(runs)
                .where(runs.c.shop_id == scope.shop_id, runs.c.id == bindparam("run_id"))
                .values({name: bindparam(f"new_{name}") for name in _movable(moved[0], scope.now)}),
                [{"run_id": run.id, **{f"new_{k}": v for k, v in _movable(run, scope.now).items()}} for run in moved],
            )

    def _timers(self, scope: Scope) -> None:
        gone = [key for key, row in self.timers.items() if row is None]
        armed = [{"shop_id": scope.shop_id, **row} for row in self.timers.values() if row is not None]
        if gone:
            kinds, owners, keys = (list(part) for part in zip(*gone, strict=True))
            given = {"shop_id": scope.shop_id, "kinds": kinds, "owners": owners, "keys": keys}
            scope.connection.execute(_GONE, given)
        if armed:
            scope.connection.execute(replacing(timers, ("due_at", "token", "payload")), armed)

    def _outbox(self, scope: Scope) -> None:
        if self.outbox:
            rows = [{"shop_id": scope.shop_id, **row} for row in self.outbox]
            scope.connection.execute(_WANTED, rows)
            if any(row["state"] == "due" and row["due_at"] <= scope.now for row in rows):
                scope.bells.add("deliver")
        if not self.cancelled:
            return
        waiting = scope.connection.execute(
            select(outbox).where(
                outbox.c.shop_id == scope.shop_id,
                outbox.c.run_id.in_(list(self.cancelled)),
                outbox.c.state == "due",
            )
        ).mappings()
        for row in waiting.all():
            settle(scope, row, "skipped", reason=self.cancelled[row["run_id"]], at=scope.now, awaited=False)

    def _goals(self, scope: Scope) -> None:
        if self.goals_opened:
            rows = [{"shop_id": scope.shop_id, **row} for row in self.goals_opened]
            scope.connection.execute(_WATCHES, rows)
        for reached in self.goals_reached:
            scope.connection.execute(
                update(goal_watches)
                .where(
                    goal_watches.c.shop_id == scope.shop_id,
                    goal_watches.c.run_id == reached["run_id"],
                    goal_watches.c.reached_at.is_(None),
                )
                .values(reached_at=reached["reached_at"], reached_by=reached["reached_by"])
            )

    def _settled_events(self, scope: Scope) -> None:
        if self.decided:
            given = {
                "shop_id": scope.shop_id,
                "persons": [person_id for person_id, _ in self.decided],
                "events": [event_id for _, event_id in self.decided],
            }
            scope.connection.execute(_DECIDED, given)
        if self.persons:
            scope.connection.execute(_AT_REST, {"shop": scope.shop_id, "persons": list(self.persons)})


# Built once: putting a statement together costs more than running it.
_NEW_RUNS = insert(runs).on_conflict_do_nothing()
_WANTED = insert(outbox).on_conflict_do_nothing()
_WATCHES = insert(goal_watches).on_conflict_do_nothing()
_TRAIL = insert(trail)
_DECISIONS = insert(decisions)

_gone = (
    func.unnest(*(bindparam(name, type_=ARRAY(Text)) for name in ("kinds", "owners", "keys")))
    .table_valued("kind", "owner", "key", name="gone")
    .render_derived()
)
_GONE = delete(timers).where(
    timers.c.shop_id == bindparam("shop_id"),
    timers.c.kind == _gone.c.kind,
    timers.c.owner == _gone.c.owner,
    timers.c.key == _gone.c.key,
)
_decided = (
    func.unnest(bindparam("persons", type_=ARRAY(BigInteger)), bindparam("events", type_=ARRAY(Uuid)))
    .table_valued("person_id", "event_id", name="decided")
    .render_derived()
)
_DECIDED = delete(pending_events).where(
    pending_events.c.shop_id == bindparam("shop_id"),
    pending_events.c.person_id == _decided.c.person_id,
    pending_events.c.event_id == _decided.c.event_id,
)
_AT_REST = (
    update(person_work)
    .where(person_work.c.shop_id == bindparam("shop"), among(person_work.c.person_id, "persons"))
    .values(
        pending=select(pending_events.c.person_id)
        .where(
            pending_events.c.shop_id == person_work.c.shop_id,
            pending_events.c.person_id == person_work.c.person_id,
        )
        .exists()
    )
)


def _movable(run: Run, now: datetime) -> dict[str, Any]:
    return {
        "state": run.state,
        "outcome": run.outcome,
        "position": run.position(),
        "ended_at": now if run.state == "done" else None,
    }


def trail_row(
    scope: Scope,
    person_id: int,
    code: str,
    *,
    run_id: UUID | None = None,
    flow: str | None = None,
    step: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One line of the trail: what was decided, why, and the inputs that decided it."""
    return {
        "shop_id": scope.shop_id,
        "person_id": person_id,
        "run_id": run_id,
        "flow": flow,
        "step": step,
        "at": scope.now,
        "code": code,
        "detail": dict(detail or {}),
    }
