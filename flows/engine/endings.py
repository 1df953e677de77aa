"""What may have ended a run that the run itself has not heard of yet, for effects that are about to be carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, or_, select

from connector.db.any_row import AnyRow
from connector.models.event import events, exit_marks
from connector.models.flow import goal_watches, runs
from connector.scope import Scope
from flows.core import goals, standing
from flows.core.model import Event, Exit, FlowVersion, Run
from flows.core.vocabulary import OF_THEIR_KEY
from flows.engine.people import restore
from flows.engine.undecided import as_event, undecided

_FINAL = frozenset({"order_placed", "checkout_completed"})


class Endings:
    """Of the runs of these outbox rows, whose persons are locked. ``runs``: by id; ``goals``: those whose goal was
    reached.

    Whatever happened and is undecided is held against the rules of the run itself; the marks tell what ends it without
    being decided about.
    """

    def __init__(self, scope: Scope, rows: Sequence[AnyRow]) -> None:
        self._scope = scope
        run_ids = {row["run_id"] for row in rows}
        self.runs = {
            row.id: restore(row)
            for row in scope.connection.execute(
                select(runs).where(runs.c.shop_id == scope.shop_id, runs.c.id.in_(run_ids))
            )
        }
        keys = {run.key for run in self.runs.values() if run.key}
        persons = {row["person_id"] for row in rows}
        self._undecided = undecided(scope, persons)
        self._marks = scope.connection.execute(
            select(exit_marks).where(
                exit_marks.c.shop_id == scope.shop_id,
                or_(exit_marks.c.person_id.in_(persons), exit_marks.c.key.in_(keys)),
            )
        ).all()
        self.goals = set(
            scope.connection.scalars(
                select(goal_watches.c.run_id).where(
                    goal_watches.c.shop_id == scope.shop_id,
                    goal_watches.c.run_id.in_(run_ids),
                    goal_watches.c.reached_at.is_not(None),
                )
            )
        )

    def exit_mark(self, run_id: UUID, flow: FlowVersion) -> str | None:
        """An event that ends this run of the flow and that the run itself may not have heard of yet; of a run that is
        over, how it ended."""
        run = self.runs[run_id]
        if run.state == "done":
            return run.outcome or "done"
        for event in self._undecided.get(run.person_id, ()):
            if goals.reaches(event, run) and self._ends(flow, run, event):
                return event.name
        ends = goals.marks(flow)
        for mark in self._marks:
            # A purchase is final. A cart that was emptied may have been filled again before this run began.
            still_true = mark.name in _FINAL or mark.occurred_at > run.anchor_at
            by_key = bool(run.key) and mark.key == run.key and still_true
            by_person = mark.person_id == run.person_id and mark.marked_at >= run.entered_at
            by_person = by_person and not (run.key and mark.name in OF_THEIR_KEY)
            if mark.name not in ends or not (by_key or by_person):
                continue
            name, sure = ends[mark.name]
            if sure or isinstance(goals.ended_by(flow, run, self._marked(mark), self._scope.now), Exit):
                return name
        return None

    def _ends(self, flow: FlowVersion, run: Run, event: Event) -> bool:
        return (
            standing.takes_out(event, run)
            or goals.reached(flow, run, event)
            or isinstance(goals.ended_by(flow, run, event, self._scope.now), Exit)
            or goals.begins_anew(flow, run, event)
        )

    def _marked(self, mark: Row[Any]) -> Event:
        """The event that left this mark: only it tells whether a rule that asks for more ends the run."""
        given = {"shop_id": self._scope.shop_id, "id": mark.event_id, "occurred_at": mark.occurred_at}
        return as_event(self._scope.connection.execute(_MARKED, given).one())


_MARKED = select(events).where(
    events.c.shop_id == bindparam("shop_id"),
    events.c.id == bindparam("id"),
    events.c.occurred_at == bindparam("occurred_at"),
)
