"""What a batch of transitions wants written, collected in memory and written set-wise at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

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
            scope.connection.execute(insert(trail), self.trail)
        if self.decisions:
            scope.connection.execute(insert(decisions), self.decisions)
        self._settled_events(scope)

    def _runs(self, scope: Scope) -> None:
        if self.new_runs:
            scope.connection.execute(
                insert(runs).on_conflict_do_nothing(),
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
            scope.connection.execute(
                delete(timers).where(
                    timers.c.shop_id == scope.shop_id,
                    tuple_(timers.c.kind, timers.c.owner, timers.c.key).in_(gone),
                )
            )
        if armed:
            statement = insert(timers)
            names = ("due_at", "token", "payload")
            scope.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["shop_id", "kind", "owner", "key"],
                    set_={name: statement.excluded[name] for name in names},
                ),
                armed,
            )

    def _outbox(self, scope: Scope) -> None:
        if self.outbox:
            rows = [{"shop_id": scope.shop_id, **row} for row in self.outbox]
            scope.connection.execute(insert(outbox).on_conflict_do_nothing(), rows)
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
            scope.connection.execute(insert(goal_watches).on_conflict_do_nothing(), rows)
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
            scope.connection.execute(
                delete(pending_events).where(
                    pending_events.c.shop_id == scope.shop_id,
                    tuple_(pending_events.c.person_id, pending_events.c.event_id).in_(self.decided),
                )
            )
        if self.persons:
            more = select(pending_events.c.person_id).where(
                and_(
                    pending_events.c.shop_id == scope.shop_id,
                    pending_events.c.person_id == person_work.c.person_id,
                )
            )
            scope.connection.execute(
                update(person_work)
                .where(
                    person_work.c.shop_id == scope.shop_id,
                    person_work.c.person_id.in_(self.persons),
                )
                .values(pending=more.exists())
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
