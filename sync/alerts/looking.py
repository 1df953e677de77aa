"""A look at a shop: every few minutes of machine time all kinds of alerts are asked what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, RowMapping, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from connector.clock import Clock
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.logging import get
from connector.models.alert import alert_looks
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.alerts import mails, rhythm, rows
from sync.alerts.kinds import KINDS
from sync.alerts.kinds.kind import ByDay, Looking, Waiting

log = get(__name__)

EVERY = timedelta(minutes=5)


class _LostLease(Exception):
    """The lease had run out and somebody else looks: what the transaction wrote must not stay."""


class Backlog(Protocol):
    """What waits: ``connector.web.backlog``, which nothing of ``sync`` may import."""

    def waiting(self, connection: Connection, clock: Clock, shop_id: int) -> Any: ...

    def late(self, waiting: Any, clock: Clock, times: float) -> Mapping[str, Waiting]: ...


def look_due(deps: Deps, shop: Shop, *, by_day: ByDay, backlog: Backlog, mail: mails.Mail) -> Batch:
    """Look, and tell staff by email of what is new. ``by_day``: figures of messages by day."""
    held = _claim(deps, shop)
    if held is not None:
        reach("alerts.leased")
        with suppress(_LostLease):
            _look(deps, shop, held, by_day, backlog)
    told = mails.send_due(deps, shop, mail)
    return Batch(1 + told, True) if held is not None or told else NOTHING


def _look(deps: Deps, shop: Shop, held: RowMapping, by_day: ByDay, backlog: Backlog) -> None:
    with deps.open(shop) as scope:
        counted, more = rhythm.count(scope.connection, shop.id, held["counted"], scope.now)
        ended: dict[str, Any] = {"counted": counted, "lease_real": None, "finished_at": scope.now}
        if more:
            # There is more to count before anything can be said of what stopped coming.
            _end(scope.connection, held, ended | {"finished_at": held["finished_at"]})
            return
        waiting = backlog.waiting(scope.connection, deps.clock, shop.id)
        look = Looking(
            scope.connection,
            shop,
            scope.now,
            scope.machine,
            by_day,
            lambda times: backlog.late(waiting, deps.clock, times),
        )
        raised = sum(_ask(scope, look, name) for name in KINDS)
        rows.forget(scope)
        _end(scope.connection, held, ended | {"due_real": scope.machine + EVERY})
        reach("alerts.looked")
    if raised:
        log.warning("alerts_raised", shop_id=shop.id, count=raised)


def _ask(scope: Scope, look: Looking, name: str) -> int:
    """What one kind finds. One that fails keeps back none of the others, and its alerts stay as they are."""
    kind = KINDS[name]
    try:
        with scope.savepoint():
            return rows.keep(scope, kind, list(kind.look(look)))
    except OperationalError:
        raise
    except Exception as error:
        log.exception("alert_not_looked_for", shop_id=scope.shop_id, kind=name, error=type(error).__name__)
        return 0


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """The shop's row under lease; None when it is not due or somebody else has it."""
    machine = deps.clock.machine()
    fresh = {"shop_id": shop.id, "due_real": machine, "counted": 0}
    lease = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
    given = {"shop": shop.id, "machine": machine, "lease": lease}
    with transaction(deps.engine) as connection:
        connection.execute(insert(alert_looks).values(fresh).on_conflict_do_nothing())
        return connection.execute(_CLAIM, given).mappings().first()


_CLAIM = text(
    """
UPDATE alert_looks SET lease_real = :lease
WHERE shop_id = :shop AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)
RETURNING *
"""
)


def _end(connection: Connection, held: RowMapping, values: Mapping[str, Any]) -> None:
    """Give up the lease. Raises _LostLease: deliveries that were counted would be counted twice."""
    mine = (alert_looks.c.shop_id == held["shop_id"]) & (alert_looks.c.lease_real == held["lease_real"])
    if connection.execute(update(alert_looks).where(mine).values(**values)).rowcount == 0:
        raise _LostLease
