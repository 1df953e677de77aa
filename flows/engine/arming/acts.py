"""Armings as rows: asking for one, looking at it, taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connector import audit
from connector.errors import InvalidInput
from connector.models.arming import armings
from connector.models.flow import timers
from connector.scope import Scope
from flows.engine.arming.choice import Choice, needed

OPEN = ("queued", "running", "stopping")
"""States of an act that workers are at; the others are done and stopped."""
_BEGINNING: Mapping[str, Any] = dict.fromkeys(
    ("cursor", "in_time", "late", "moved", "running", "told", "left_out", "taken_back"), 0
)


@dataclass(frozen=True)
class Arming:
    """One act. ``in_time`` and ``late``: clocks it has armed so far, ``moved`` of them ran already for other
    thresholds; ``waiting``: those that have not rung; ``taken_back``: those that were stopped. The rest as in
    ``Preview``. ``by`` is an actor of the audit log; all times are business time.
    """

    id: int
    choice: Choice
    state: str
    by: str
    in_time: int
    late: int
    moved: int
    running: int
    told: int
    left_out: int
    taken_back: int
    waiting: int
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        return self.state not in OPEN


def start(scope: Scope, choice: Choice, *, by: str) -> int:
    """Have the workers arm the past; returns the number of the act.

    Raises InvalidInput for a choice that makes no sense, when nobody would hear of the signal, or while another act for
    this signal is under way.
    """
    choice.check()
    if not scope.shop.active:
        raise InvalidInput("This shop is not active: nothing of it is decided.")
    needed(scope.connection, scope.shop, choice.signal)
    row = {
        "shop_id": scope.shop_id,
        "signal": choice.signal,
        "state": "queued",
        "asked_by": by,
        "daily": choice.daily,
        "longest_days": choice.longest_days,
        "asked_at": scope.now,
        **_BEGINNING,
    }
    arming_id = scope.connection.scalar(insert(armings).values(row).on_conflict_do_nothing().returning(armings.c.id))
    if arming_id is None:
        raise InvalidInput(f"An arming of {choice.signal} is under way for this shop: wait until it has ended.")
    detail = {"signal": choice.signal, "daily": choice.daily, "longest_days": choice.longest_days}
    _audit(scope, "arming.start", int(arming_id), by, detail)
    scope.bells.add("arming")
    return int(arming_id)


def stop(scope: Scope, arming_id: int, *, by: str) -> bool:
    """Take back every clock of this act that has not rung; False when it was stopped before.

    Raises InvalidInput while another act for this signal is under way.
    """
    mine = (armings.c.shop_id == scope.shop_id) & (armings.c.id == arming_id)
    signal = scope.connection.scalar(select(armings.c.signal).where(mine, armings.c.state.in_((*OPEN, "done"))))
    others = select(armings.c.id).where(
        armings.c.shop_id == scope.shop_id,
        armings.c.signal == signal,
        armings.c.id != arming_id,
        armings.c.state.in_(OPEN),
    )
    if scope.connection.scalar(others) is not None:
        raise InvalidInput(f"Another arming of {signal} is under way for this shop: wait until it has ended.")
    stopped = scope.connection.execute(
        update(armings).where(mine, armings.c.state.in_(("queued", "running", "done"))).values(state="stopping")
    ).rowcount
    if not stopped:
        return False
    _audit(scope, "arming.stop", arming_id, by, {"signal": signal})
    scope.bells.add("arming")
    return True


def _audit(scope: Scope, act: str, arming_id: int, by: str, detail: Mapping[str, Any]) -> None:
    audit.note(scope, actor=by, act=act, object_kind="arming", object_id=arming_id, detail=detail)


_ARMINGS = select(
    armings,
    select(func.count())
    .where(timers.c.shop_id == armings.c.shop_id, timers.c.arming_id == armings.c.id)
    .scalar_subquery()
    .label("waiting"),
)


def progress(connection: Connection, shop_id: int, arming_id: int) -> Arming:
    """How far this act is. Raises LookupError when the shop has none of this number."""
    row = connection.execute(_ARMINGS.where(armings.c.shop_id == shop_id, armings.c.id == arming_id)).first()
    if row is None:
        raise LookupError(f"no arming {arming_id}")
    return _arming(row)


def history(connection: Connection, shop_id: int, limit: int = 50, before: int | None = None) -> list[Arming]:
    """The shop's newest acts, newest first; ``before``: those that were asked for before this one."""
    query = _ARMINGS.where(armings.c.shop_id == shop_id).order_by(armings.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(armings.c.id < before)
    return [_arming(row) for row in connection.execute(query)]


def _arming(row: Row[Any]) -> Arming:
    return Arming(
        id=row.id,
        choice=choice_of(row),
        state=row.state,
        by=row.asked_by,
        in_time=row.in_time,
        late=row.late,
        moved=row.moved,
        running=row.running,
        told=row.told,
        left_out=row.left_out,
        taken_back=row.taken_back,
        waiting=row.waiting,
        asked_at=row.asked_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def choice_of(row: Row[Any]) -> Choice:
    """What was chosen for this row of ``armings``."""
    return Choice(row.signal, row.daily, row.longest_days)
