"""T4 for effects that are no messages: what flows want done outside, once each (flows/actions).

As for messages the person is locked, what may have ended the run is looked at, the row is leased for one attempt, and
the call is made with no transaction open. There is no unknown outcome: an action can be tried again, because what a
second try would do is written down by the first. So whatever was cut off is due once more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, insert, literal_column, or_, select, update

from connector.crashpoints import reach
from connector.deps import Deps
from connector.errors import OutcomeUnknown, ProviderError, Retry
from connector.locks import lock_persons
from connector.models.outbox import attempts, outbox
from connector.models.person import persons
from connector.outbox import hold, settle
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.actions import ACTIONS
from flows.actions.action import Action, NotDone, NotYet, Prepared, Task
from flows.actions.records import Records
from flows.core.gate import GateFacts, GateMessage, Skip, may_act
from flows.core.model import FlowVersion
from flows.core.objections import HELD
from flows.core.steps.coupon import COUPONS
from flows.engine import outcomes
from flows.engine.asking import may_be_written_to
from flows.engine.book import Book
from flows.engine.endings import Endings
from flows.engine.people import Person, load, shop_facts

BATCH = 16
NO_ANSWER = "no_answer"
Outcome = ProviderError | Mapping[str, Any]


@dataclass(frozen=True)
class _Claimed:
    """An action leased for attempt ``n``."""

    row: RowMapping
    n: int
    action: Action
    prepared: Prepared


def act_due(deps: Deps, shop: Shop, records: Records | None = None) -> Batch:
    """Carry out one batch of what is due. ``records``: for the actions that change what is kept beside flows."""
    claimed, found = _claim(deps, shop, records)
    if claimed:
        reach("act.leased")
    for one in claimed:
        _record(deps, shop, one, _act(deps, shop, one))
    return Batch(len(claimed), found == BATCH)


def _open(shop: Shop, deps: Deps) -> ColumnElement[bool]:
    """Actions of this shop that may be tried now: due, or left by whoever held them."""
    machine = deps.clock.machine()
    return and_(
        outbox.c.shop_id == shop.id,
        # By the index of those that are no messages.
        outbox.c.message == literal_column("''"),
        outbox.c.state.in_((literal_column("'due'"), literal_column("'leased'"))),
        or_(
            and_(
                outbox.c.state == "due",
                outbox.c.due_at <= deps.clock.now(),
                or_(outbox.c.retry_real.is_(None), outbox.c.retry_real <= machine),
            ),
            and_(outbox.c.state == "leased", outbox.c.lease_real < machine),
        ),
    )


def _claim(deps: Deps, shop: Shop, records: Records | None) -> tuple[list[_Claimed], int]:
    """What is leased for an attempt, and how much there was to look at."""
    with deps.open(shop) as scope:
        connection = scope.connection
        wanted = connection.execute(
            select(outbox.c.id, outbox.c.person_id).where(_open(shop, deps)).order_by(outbox.c.due_at).limit(BATCH)
        ).all()
        if not wanted:
            return [], 0
        mine = lock_persons(scope, {row.person_id for row in wanted}, skip_locked=True)
        rows = (
            connection.execute(
                select(outbox)
                .where(
                    _open(shop, deps),
                    outbox.c.id.in_([row.id for row in wanted]),
                    outbox.c.person_id.in_(mine),
                )
                .order_by(outbox.c.id)
                .with_for_update(skip_locked=True)
            )
            .mappings()
            .all()
        )
        if not rows:
            return [], 0
        judge = _Judge(scope, rows, records)
        claimed = [one for row in rows if (one := judge.claim(row)) is not None]
        scope.pay()
        reach("act.claimed")
        return claimed, len(wanted)


class _Judge:
    """Says of locked rows what becomes of each now."""

    def __init__(self, scope: Scope, rows: Any, records: Records | None) -> None:
        self._scope = scope
        self._records = records
        self._book = Book(scope.connection, scope.shop_id)
        self._endings = Endings(scope, rows)
        who = {row["person_id"] for row in rows}
        erased = select(persons.c.id).where(
            persons.c.shop_id == scope.shop_id, persons.c.id.in_(who), persons.c.erased_at.is_not(None)
        )
        self._erased = set(scope.connection.scalars(erased))

    def claim(self, row: RowMapping) -> _Claimed | None:
        """Lease the row for one attempt, put it off or give it up, with the reason."""
        flow = self._book.published(row["flow"], row["version"]).flow
        objection = self._objection(row, flow)
        if objection is not None:
            self._give_up(row, objection.reason, objection.detail)
            return None
        action = ACTIONS[row["channel"]]
        if row["state"] == "leased" and not action.repeats:
            # Whoever held it may have called before they died.
            self._give_up(row, NO_ANSWER, {})
            return None
        if self._book.paused(flow.flow):
            left = (row["deadline"] - self._scope.now).total_seconds() + 1
            self._put_off(row, NotYet("held", min(HELD.total_seconds(), left)))
            return None
        try:
            prepared = action.prepare(self._scope, self._task(row, flow))
        except NotDone as error:
            self._give_up(row, error.reason, {})
            return None
        except NotYet as error:
            self._put_off(row, error)
            return None
        n = row["attempts"] + 1
        self._lease(row, n)
        return _Claimed(row, n, action, prepared)

    def _task(self, row: RowMapping, flow: FlowVersion) -> Task:
        def may_get(messages: Collection[str]) -> bool:
            person = self._person(row)
            return person is not None and may_be_written_to(self._scope, flow, person, messages)

        return Task(row, flow, partial(self._facts, row), may_get, self._records)

    def _person(self, row: RowMapping) -> Person | None:
        return load(self._scope, [row["person_id"]]).get(row["person_id"])

    def _facts(self, row: RowMapping) -> Mapping[str, Any]:
        run, person = self._endings.runs.get(row["run_id"]), self._person(row)
        told = {"person": person.facts() if person else {}, "shop": shop_facts(self._scope)}
        return {**told, "event": run.trigger, COUPONS: run.vars.get(COUPONS, {})} if run else told

    def _objection(self, row: RowMapping, flow: FlowVersion) -> Skip | None:
        question = GateMessage(
            flow=flow.flow,
            run_id=row["run_id"],
            channel=row["channel"],
            purpose=row["purpose"],
            cap=flow.cap,
            priority=row["priority"],
            due_at=row["due_at"],
            deadline=row["deadline"],
        )
        facts = GateFacts(
            erased=row["person_id"] in self._erased,
            left_to_brevo=self._book.left_to_brevo(flow.flow),
            goal_reached=row["run_id"] in self._endings.goals,
            exit_mark=self._endings.exit_mark(row["run_id"], flow),
        )
        verdict = may_act(question, facts, self._scope.now)
        return verdict if isinstance(verdict, Skip) else None

    def _give_up(self, row: RowMapping, reason: str, detail: Mapping[str, Any]) -> None:
        settle(self._scope, row, "skipped", reason=reason, at=self._scope.now)
        outcomes.note(self._scope, row, "action_skipped", {"reason": reason, **detail})

    def _put_off(self, row: RowMapping, why: NotYet) -> None:
        until = self._scope.now + timedelta(seconds=why.seconds)
        self._change(row, state="due", due_at=until, reason=why.reason, lease_real=None)
        outcomes.note(self._scope, row, "action_deferred", {"reason": why.reason, "until": until.isoformat()})

    def _lease(self, row: RowMapping, n: int) -> None:
        scope = self._scope
        until = scope.machine + timedelta(seconds=scope.settings.delivery_lease_seconds)
        self._change(row, state="leased", attempts=n, lease_real=until)
        scope.connection.execute(
            insert(attempts),
            {
                "shop_id": scope.shop_id,
                "outbox_id": row["id"],
                "n": n,
                "outbox_created_at": row["created_at"],
                "started_real": scope.machine,
                "result": "started",
                "detail": {},
            },
        )

    def _change(self, row: RowMapping, **values: Any) -> None:
        mine = (outbox.c.shop_id == self._scope.shop_id) & (outbox.c.id == row["id"])
        self._scope.connection.execute(update(outbox).where(mine).values(**values))


def _act(deps: Deps, shop: Shop, one: _Claimed) -> Outcome:
    outcome: Outcome
    try:
        outcome = one.action.act(deps, shop, one.prepared)
    except OutcomeUnknown as error:
        # The next try finds out, where there may be one.
        again = Retry(error.provider, error.detail, status=error.status)
        outcome = again if one.action.repeats else NotDone(NO_ANSWER, error.detail)
    except ProviderError as error:
        outcome = error
    reach("act.answered")
    return outcome


def _record(deps: Deps, shop: Shop, one: _Claimed, outcome: Outcome) -> None:
    with deps.open(shop) as scope:
        row = hold(scope, one.row)
        if row is None:
            return
        told = outcome
        if isinstance(outcome, Mapping):
            try:
                told = one.action.record(scope, {**one.prepared, **_now(row)}, outcome)
            except NotDone as error:
                told = error
        outcomes.record(scope, row, one.n, told)
        scope.pay()
        reach("act.recorded")


def _now(row: Mapping[str, Any]) -> dict[str, Any]:
    """What ``record`` is told of the row as it is by now: people may have turned out to be one, and somebody who was
    held up may find that another has settled it."""
    return {"person_id": row["person_id"], "settled": row["state"] not in ("due", "leased")}
