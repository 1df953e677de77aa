"""Flows that start by the calendar: the people of an occurrence get a clock each, some hundreds in one transaction.

A flow with a schedule has one row that says which occurrence comes next and when to look again: LEAD before it begins
anywhere. Then everybody who may come into question gets a clock of the signal ``schedule`` for their own moment, by
which they are decided about like by any other. A clock is a unique row, what it tells is a unique event, and the row
remembers in the same transaction how far it came, so whoever dies here leaves nobody out and lets nobody in twice.

Occurrences that nobody looked at in time are made up for by the last one, within its deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, delete, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.crashpoints import reach
from connector.deps import Deps
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.logging import get
from connector.models.schedule import schedules
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.core import calendar, chance, conditions
from flows.core.conditions import No
from flows.core.model import FlowVersion
from flows.core.schedules import Schedule
from flows.core.signals import ArmTimer
from flows.core.signals.schedule import armed
from flows.engine.arming import anchors
from flows.engine.asking import may_be_written_to
from flows.engine.book import Book
from flows.engine.people import Person, load, shop_facts
from flows.engine.writes import clock_row

log = get(__name__)

LEAD = timedelta(minutes=15)
"""So long before an occurrence begins its people get their clocks."""
SLICE = 500
"""People in one transaction."""
_SERVES_MESSAGES = frozenset({*CHANNELS, "wait", "when", "cases", "split", "coupon", "end"})
"""Steps that do nothing for somebody who may not be written to."""


def arrange(connection: Connection, shop_id: int, flow: FlowVersion, now: datetime) -> None:
    """Have somebody find the next occurrence of a flow that has been published, if it has a schedule."""
    if flow.trigger.schedule is not None:
        begin = insert(schedules).values(shop_id=shop_id, flow=flow.flow, plan="", due_at=now, cursor=0, armed=0)
        connection.execute(begin.on_conflict_do_update(index_elements=["shop_id", "flow"], set_={"due_at": now}))


class _Held(NamedTuple):
    """A schedule's row, which is locked, and what it stands for."""

    row: Row[Any]
    flow: FlowVersion
    schedule: Schedule

    @property
    def day(self) -> date:
        return date.fromisoformat(self.row.occurrence)


def prepare_due(deps: Deps, shop: Shop) -> Batch:
    """Find the next occurrence of one schedule, or give some of the people of this one their clocks."""
    with deps.open(shop) as scope:
        row = scope.connection.execute(_CLAIM, {"shop_id": shop.id, "now": scope.now}).first()
        if row is None:
            return NOTHING
        book = Book(scope.connection, shop.id)
        flow = book.published(row.flow, row.version).flow
        if flow.trigger.schedule is None:
            # It has none any more.
            mine = (schedules.c.shop_id == shop.id) & (schedules.c.flow == row.flow)
            scope.connection.execute(delete(schedules).where(mine))
            return Batch(1, True)
        held = _Held(row, flow, flow.trigger.schedule)
        done = _look(scope, held)
    return Batch(done, True)


# Whoever has the row has it until the end of the transaction; nothing else is waited for in it.
_CLAIM = text(
    """
SELECT schedules.*, flows.status, flows.version FROM schedules
JOIN flows ON flows.shop_id = schedules.shop_id AND flows.flow = schedules.flow
WHERE schedules.shop_id = :shop_id AND schedules.due_at <= :now
ORDER BY schedules.due_at, schedules.flow LIMIT 1
FOR UPDATE OF schedules SKIP LOCKED
"""
)


def _look(scope: Scope, held: _Held) -> int:
    """How many people were looked at, at least 1 because the row was."""
    row, schedule, shop = held.row, held.schedule, calendar.zone(scope.shop.timezone)
    plan = f"{schedule.say()}, {schedule.deadline}, {shop.key}"
    if row.plan != plan:
        # New, or another one than before: what has begun already is not its.
        _next(scope, held, scope.now, plan=plan)
        return 1
    if row.occurrence is None:
        _keep(scope, held, due_at=None)
        return 1
    if schedule.begins(held.day, shop) - LEAD > scope.now:
        # Somebody published it once more, unchanged.
        _keep(scope, held, due_at=schedule.begins(held.day, shop) - LEAD)
        return 1
    latest = schedule.latest(scope.now + LEAD, shop)
    if latest is not None and latest > held.day:
        _keep(scope, held, occurrence=latest.isoformat(), cursor=0, armed=0, missed=row.occurrence)
        log.warning("schedule_missed", flow=row.flow, occurrence=row.occurrence)
        return 1
    if scope.now > schedule.ends(held.day, shop):
        log.warning("schedule_missed", flow=row.flow, occurrence=row.occurrence)
        _next(scope, held, scope.now, missed=row.occurrence)
        return 1
    if row.status != "active":
        _next(scope, held, schedule.begins(held.day, shop))
        return 1
    return _arm(scope, held)


def _next(scope: Scope, held: _Held, after: datetime, **values: Any) -> None:
    """Wait for the first occurrence that begins later than that."""
    shop = calendar.zone(scope.shop.timezone)
    day = held.schedule.upcoming(after, shop)
    wait: dict[str, Any] = {"occurrence": None, "due_at": None}
    if day is not None:
        wait = {"occurrence": day.isoformat(), "due_at": held.schedule.begins(day, shop) - LEAD}
    _keep(scope, held, **wait, cursor=0, armed=0, **values)


def _keep(scope: Scope, held: _Held, **values: Any) -> None:
    mine = (schedules.c.shop_id == scope.shop_id) & (schedules.c.flow == held.row.flow)
    scope.connection.execute(update(schedules).where(mine).values(values))


def _arm(scope: Scope, held: _Held) -> int:
    """Give the next people their clocks; behind the last of them the next occurrence is waited for."""
    ids = _people(scope, held)
    found, shop_known = load(scope, ids), shop_facts(scope, held.flow.needs)
    clocks = {
        person_id: timer
        for person_id in ids
        if person_id in found and (timer := _clock(scope, held, found[person_id], shop_known)) is not None
    }
    written = _write(scope, clocks)
    counted = held.row.armed + written
    if len(ids) == SLICE:
        _keep(scope, held, cursor=ids[-1], armed=counted)
    else:
        shop = calendar.zone(scope.shop.timezone)
        _next(scope, held, held.schedule.begins(held.day, shop), prepared=held.row.occurrence, prepared_armed=counted)
    if any(timer.due_at <= scope.now for timer in clocks.values()):
        scope.bells.add("flows")
    reach("schedule.armed")
    return max(1, len(ids))


def _people(scope: Scope, held: _Held) -> Sequence[int]:
    """The next people by id who may come into question: of a flow that only sends marketing, those who agreed to it."""
    if not _only_sends(held.flow):
        return anchors.people(scope.connection, scope.shop_id, held.row.cursor, SLICE)
    channels = sorted({one.channel for one in held.flow.messages.values()})
    given = {"shop_id": scope.shop_id, "after": held.row.cursor, "most": SLICE, "channels": channels}
    return scope.connection.scalars(_AGREED, given).all()


def _only_sends(flow: FlowVersion) -> bool:
    """Whether it does nothing for somebody to whom no marketing may be sent."""
    marketing = bool(flow.messages) and all(one.purpose == "marketing" for one in flow.messages.values())
    return marketing and all(step.kind in _SERVES_MESSAGES for step in flow.steps.values())


# Along the key of the table. What flows.core.permission answers yes to is one of these.
_AGREED = text(
    """
SELECT DISTINCT person_id FROM consents
WHERE shop_id = :shop_id AND person_id > :after AND channel = ANY(CAST(:channels AS text[]))
    AND (state = 'subscribed' OR level = 'soft_opt_in')
ORDER BY person_id LIMIT :most
"""
)


def _clock(scope: Scope, held: _Held, person: Person, shop_known: Mapping[str, Any]) -> ArmTimer | None:
    """The clock of this person; None for somebody who will not enter."""
    flow, schedule, now = held.flow, held.schedule, scope.now
    where = calendar.zone(scope.shop.timezone)
    if schedule.zone == "person":
        where = calendar.zone(person.home, scope.shop.timezone)
    moment = schedule.moment(held.day, where)
    if now > moment + schedule.deadline:
        return None
    if _only_sends(flow) and not may_be_written_to(scope, flow, person):
        return None
    # What is asked a day ahead may be otherwise by then; who enters is asked again when the clock rings.
    if schedule.zone == "shop" and flow.audience is not None:
        facts = {"person": person.facts(), "shop": shop_known}
        if isinstance(conditions.evaluate(flow.audience, facts, now), No):
            return None
    seed = chance.seed({"person": {"seed": str(person.row["seed"])}})
    return armed(flow.flow, schedule, held.day, moment, schedule.entering(held.day, where, flow.flow, seed))


def _write(scope: Scope, clocks: Mapping[int, ArmTimer]) -> int:
    """Write these clocks for those who are still there, and say how many that were."""
    if not clocks:
        return 0
    # Several persons are waited for.
    lock_shop(scope, NORMALISE)
    lock_persons(scope, clocks)
    rows = [clock_row(person_id, timer) for person_id, timer in clocks.items()]
    return scope.connection.execute(_WRITE, {"shop_id": scope.shop_id, "rows": orjson.dumps(rows).decode()}).rowcount


_WRITE = text(
    """
INSERT INTO timers (shop_id, kind, owner, key, person_id, due_at, token, payload)
SELECT :shop_id, kind, owner, key, person_id, due_at, token, payload
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS armed
    (kind text, owner text, key text, person_id bigint, due_at timestamptz, token text, payload jsonb)
WHERE EXISTS (
    SELECT FROM persons
    WHERE persons.shop_id = :shop_id AND persons.id = armed.person_id
        AND erased_at IS NULL AND merged_into IS NULL
)
ON CONFLICT (shop_id, kind, owner, key) DO NOTHING
"""
)
