"""What a batch of transitions wants written, collected in memory and written set-wise at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, Text, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from connector.db.rows import add_rows, among, write_rows
from connector.models.flow import runs, timers
from connector.models.outbox import outbox
from connector.outbox import settle
from connector.scope import Scope
from flows.core.activity import Activity
from flows.core.model import Effect, Run, TimerSet
from flows.core.signals import ArmTimer

TimerKey = tuple[str, str, str]
"""(kind, owner, key): what makes a timer unique within a shop."""


def clock_key(person_id: int, signal: str, key: str) -> TimerKey:
    """The timer of a signal's clock: one per person, signal and key."""
    return ("signal", str(person_id), f"{signal}:{key}")


def clock_row(person_id: int, arm: ArmTimer) -> dict[str, Any]:
    """The row of ``timers`` that a signal's clock is, but for its shop."""
    kind, owner, key = clock_key(person_id, arm.signal, arm.key)
    return {
        "kind": kind,
        "owner": owner,
        "key": key,
        "person_id": person_id,
        "due_at": arm.due_at,
        "token": "",
        "payload": {"signal": arm.signal, "key": arm.key, "payload": dict(arm.payload)},
    }


def run_timer_row(run: Run, timer: TimerSet) -> dict[str, Any]:
    """The same of a run's timer. Its token begins with the run's id, which is its owner: that is not written twice."""
    return {
        "kind": "run",
        "owner": str(run.id),
        "key": timer.key,
        "person_id": run.person_id,
        "due_at": timer.due_at,
        "token": timer.token.removeprefix(f"{run.id}:"),
        "payload": {},
    }


def effect_row(run: Run, effect: Effect, now: datetime) -> dict[str, Any]:
    """The row of ``outbox`` that an effect of this run begins as, but for its shop."""
    return {
        "key": effect.key,
        "run_id": run.id,
        "flow": run.flow,
        "version": run.version,
        "person_id": run.person_id,
        "step": effect.step,
        "channel": effect.channel,
        "message": effect.message,
        "data": effect.data,
        "purpose": effect.purpose,
        "priority": effect.priority,
        "state": "due",
        "reason": None,
        "created_at": now,
        "due_at": effect.due_at,
        "deadline": effect.deadline,
        "deferrals": 0,
        "attempts": 0,
    }


def token_of(timer: Row[Any]) -> str:
    """The token of a run's timer as the run knows it."""
    whole = timer.token.startswith(timer.owner)
    return str(timer.token) if whole else f"{timer.owner}:{timer.token}"


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
    """A goal that is reached in the same visit has ``reached_at`` and ``reached_by`` here."""
    goals_reached: list[dict[str, Any]] = field(default_factory=list)
    goals_closed: list[UUID] = field(default_factory=list)
    """Runs whose goal is watched no longer: another one goes on in their place."""
    trail: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    decided: list[tuple[int, UUID]] = field(default_factory=list)
    persons: set[int] = field(default_factory=set)
    activities: dict[int, Activity] = field(default_factory=dict)
    """By person: what is remembered of how they behave, where it has changed."""

    def write(self, scope: Scope) -> None:
        """Write everything into the scope's transaction."""
        self._runs(scope)
        self._timers(scope)
        self._outbox(scope)
        self._end(scope)

    def _runs(self, scope: Scope) -> None:
        # First those that end: one person may leave a flow and enter it again, with the same key.
        moved = [run for run in self.moved_runs.values() if run.id not in self.new_runs]
        if moved:
            rows = [{"id": run.id, **_movable(run, scope.now)} for run in moved]
            columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
            # One document: to write an array of them for PostgreSQL is to look for quotes in each.
            columns["position"] = orjson.dumps(columns["position"], default=str).decode()
            scope.connection.execute(_MOVED_RUNS, {"shop_id": scope.shop_id, **columns})
        if self.new_runs:
            add_rows(
                scope.connection,
                runs,
                [
                    {
                        "shop_id": scope.shop_id,
                        "id": run.id,
                        "flow": run.flow,
                        "person_id": run.person_id,
                        "key": run.key,
                        "entered_at": run.entered_at,
                        "anchor_at": run.anchor_at,
                        **_movable(run, scope.now),
                    }
                    for run in self.new_runs.values()
                ],
            )

    def _timers(self, scope: Scope) -> None:
        gone = [key for key, row in self.timers.items() if row is None]
        # Whatever armed it before: from now on it is an event's.
        armed = [
            {"shop_id": scope.shop_id, "arming_id": None, **row} for row in self.timers.values() if row is not None
        ]
        if gone:
            kinds, owners, keys = (list(part) for part in zip(*gone, strict=True))
            given = {"shop_id": scope.shop_id, "kinds": kinds, "owners": owners, "keys": keys}
            scope.connection.execute(_GONE, given)
        if armed:
            write_rows(scope.connection, timers, sorted(armed, key=_its_key))

    def _outbox(self, scope: Scope) -> None:
        if self.outbox:
            rows = [{"shop_id": scope.shop_id, **row} for row in self.outbox]
            add_rows(scope.connection, outbox, rows)
            if any(row["state"] == "due" and row["due_at"] <= scope.now for row in rows):
                scope.bells.add("deliver")
        if not self.cancelled:
            return
        waiting = scope.connection.execute(_UNSENT, {"shop_id": scope.shop_id, "runs": list(self.cancelled)})
        for row in waiting.mappings().all():
            settle(scope, row, "skipped", reason=self.cancelled[row["run_id"]], at=scope.now, awaited=False)

    def _end(self, scope: Scope) -> None:
        remembered = [{"person_id": one, "state": self.activities[one].to_json()} for one in sorted(self.activities)]
        rows = {
            "opened": self.goals_opened,
            "trail": self.trail,
            "decisions": self.decisions,
            "remembered": remembered,
        }
        scope.connection.execute(
            _END,
            {
                "shop_id": scope.shop_id,
                "persons": list(self.persons),
                "decided_for": [person_id for person_id, _ in self.decided],
                "decided": [event_id for _, event_id in self.decided],
                "reached_runs": [row["run_id"] for row in self.goals_reached],
                "reached_at": [row["reached_at"] for row in self.goals_reached],
                "reached_by": [row["reached_by"] for row in self.goals_reached],
                "closed_runs": self.goals_closed,
                "now": scope.now,
                **{name: orjson.dumps(found).decode() for name, found in rows.items()},
            },
        )


# Built once: putting a statement together costs more than running it.
_UNSENT = select(outbox).where(
    outbox.c.shop_id == bindparam("shop_id"), among(outbox.c.run_id, "runs"), outbox.c.state == "due"
)
_MOVED_RUNS = text(
    """
UPDATE runs SET version = moved.version, state = moved.state, outcome = moved.outcome,
    position = moved.position, ended_at = moved.ended_at
FROM ROWS FROM (unnest(CAST(:id AS uuid[])), unnest(CAST(:version AS integer[])), unnest(CAST(:state AS text[])),
    unnest(CAST(:outcome AS text[])), jsonb_array_elements(CAST(:position AS jsonb)),
    unnest(CAST(:ended_at AS timestamptz[]))) AS moved (id, version, state, outcome, position, ended_at)
WHERE runs.shop_id = :shop_id AND runs.id = moved.id
"""
)

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
# One statement, because every visit ends with it: goals, what the logs are told, and whose events are decided. All
# of these persons are locked, and whoever makes an event pending (connector/eventlog.py) takes the same row of
# person_work before it commits: nothing comes to pending_events meanwhile that ``pending`` would not tell of. What a
# statement deletes it still sees, so the decided ones are left out by name. Somebody with nothing but a timer has none.
# What is joined to rows that are there comes as arrays: PostgreSQL knows how long those are, of JSON it assumes 100.
_END = text(
    """
WITH opened AS (
    INSERT INTO goal_watches (shop_id, run_id, flow, version, person_id, event, match, opened_at, expires_at,
        reached_at, reached_by)
    SELECT :shop_id, run_id, flow, version, person_id, event, match, opened_at, expires_at, reached_at, reached_by
    FROM jsonb_to_recordset(CAST(:opened AS jsonb)) AS opened
        (run_id uuid, flow text, version integer, person_id bigint, event text, match text, opened_at timestamptz,
        expires_at timestamptz, reached_at timestamptz, reached_by uuid)
    ON CONFLICT DO NOTHING
), reached AS (
    UPDATE goal_watches SET reached_at = reached.reached_at, reached_by = reached.reached_by
    FROM unnest(CAST(:reached_runs AS uuid[]), CAST(:reached_at AS timestamptz[]),
        CAST(:reached_by AS uuid[])) AS reached (run_id, reached_at, reached_by)
    WHERE goal_watches.shop_id = :shop_id AND goal_watches.run_id = reached.run_id AND goal_watches.reached_at IS NULL
), closed AS (
    UPDATE goal_watches SET expires_at = least(expires_at, :now)
    WHERE shop_id = :shop_id AND run_id = ANY (CAST(:closed_runs AS uuid[])) AND reached_at IS NULL
), told AS (
    INSERT INTO trail (shop_id, person_id, run_id, flow, step, at, code, detail)
    SELECT :shop_id, person_id, run_id, flow, step, at, code, detail
    FROM ROWS FROM (jsonb_to_recordset(CAST(:trail AS jsonb)) AS
        (person_id bigint, run_id uuid, flow text, step text, at timestamptz, code text, detail jsonb)) WITH ORDINALITY
    ORDER BY ordinality
), logged AS (
    INSERT INTO decisions (shop_id, person_id, at, ordinal, stimulus, facts)
    SELECT :shop_id, person_id, at, ordinal, stimulus, facts
    FROM ROWS FROM (jsonb_to_recordset(CAST(:decisions AS jsonb)) AS
        (person_id bigint, at timestamptz, ordinal integer, stimulus jsonb, facts jsonb)) WITH ORDINALITY
    ORDER BY ordinality
), remembered AS (
    INSERT INTO activities (shop_id, person_id, state, changed_at)
    SELECT :shop_id, person_id, state, :now
    FROM jsonb_to_recordset(CAST(:remembered AS jsonb)) AS remembered (person_id bigint, state jsonb)
    ON CONFLICT (shop_id, person_id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
), decided AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:decided_for AS bigint[]), CAST(:decided AS uuid[])) AS decided (person_id, event_id)
), settled AS (
    DELETE FROM pending_events USING decided
    WHERE pending_events.shop_id = :shop_id
        AND pending_events.person_id = decided.person_id AND pending_events.event_id = decided.event_id
)
UPDATE person_work SET pending = person_id IN (
    SELECT person_id FROM pending_events
    WHERE shop_id = :shop_id AND person_id = ANY (CAST(:persons AS bigint[]))
        AND (person_id, event_id) NOT IN (SELECT person_id, event_id FROM decided)
)
WHERE shop_id = :shop_id AND person_id = ANY (CAST(:persons AS bigint[]))
"""
)


def _movable(run: Run, now: datetime) -> dict[str, Any]:
    return {
        "version": run.version,
        "state": run.state,
        "outcome": run.outcome,
        "position": run.position(),
        "ended_at": now if run.state == "done" else None,
    }


def _its_key(row: Mapping[str, Any]) -> TimerKey:
    return row["kind"], row["owner"], row["key"]


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
