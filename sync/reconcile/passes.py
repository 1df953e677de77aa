"""Looks that are made again and again, each a row of ``reconcile_passes``: claiming one, going on with it, ending it.

A look that is interrupted goes on at its place. Whoever died leaves it to the next who comes when the lease has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.backoff import backoff
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited
from connector.logging import get
from connector.models.reconcile import reconcile_passes
from connector.scope import Scope
from connector.shops import Shop

log = get(__name__)

CHANGED, ALL, SUBSCRIPTIONS, SAMPLE, STUCK = "changed", "all", "subscriptions", "sample", "stuck"
REVIEWS = "reviews"

_REASON_LENGTH = 300
# How long an answer may take to be applied; with the store's time-out it is the lease. Machine time.
_APPLIED_WITHIN = timedelta(seconds=20)
# From the end of a look to the next at least, machine time: on a clock that is hurried the store is not asked all the
# time. Of a store that never shows its subscriptions all are made again.
_REST, _LONG_REST = timedelta(seconds=5), timedelta(minutes=1)


def name(manner: str, kind: str) -> str:
    """The look of this manner at this kind, for example "changed:Order"."""
    return f"{manner}:{kind}"


def prepare(connection: Connection, shop_id: int, first: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the rows that are not there yet. ``first``: {look: its first values}."""
    rows = [
        {"shop_id": shop_id, "look": look, "attempts": 0, "since": None, **values} for look, values in first.items()
    ]
    connection.execute(insert(reconcile_passes).values(rows).on_conflict_do_nothing())


def known(connection: Connection, shop_id: int) -> set[str]:
    """The looks that have a row."""
    return set(connection.scalars(select(reconcile_passes.c.look).where(reconcile_passes.c.shop_id == shop_id)))


def claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """A look that is due, under lease and begun; None when none is or somebody else has it."""
    now, machine = deps.clock.now(), deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.store_timeout_seconds) + _APPLIED_WITHIN
    given = {"shop_id": shop.id, "now": now, "machine": machine, "lease": lease}
    with transaction(deps.engine) as connection:
        return connection.execute(_CLAIM, given).mappings().first()


_CLAIM = text(
    """
UPDATE reconcile_passes SET lease_real = :lease, began_at = coalesce(began_at, :now)
WHERE shop_id = :shop_id AND look = (
    SELECT look FROM reconcile_passes
    WHERE shop_id = :shop_id AND due_at <= :now AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_at, look LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
)


def still_held(connection: Connection, held: RowMapping) -> bool:
    """Whether the lease is still ours; its row is locked then, so that it stays so."""
    return connection.scalar(select(reconcile_passes.c.look).where(_mine(held)).with_for_update()) is not None


def go_on(connection: Connection, held: RowMapping, *, cursor: str, wait: datetime | None = None) -> None:
    """The look goes on from ``cursor``: at once, or not before ``wait`` (machine time)."""
    _write(connection, held, {"cursor": cursor, "lease_real": wait, "attempts": 0, "reason": None})


def finish(
    connection: Connection, held: RowMapping, *, next_at: datetime, now: datetime, machine: datetime, **values: Any
) -> None:
    """The look is over; the next is due at ``next_at`` (business time). ``values``: more columns."""
    rest = _LONG_REST if held["look"] == SUBSCRIPTIONS else _REST
    over = {
        "cursor": None, "began_at": None, "report_id": None, "attempts": 0, "reason": None,
        "lease_real": machine + rest, "due_at": next_at, "finished_at": now,
    }  # fmt: skip
    _write(connection, held, {**over, **values})


def postpone(deps: Deps, held: RowMapping, error: ProviderError, **values: Any) -> None:
    """The store did not answer: the lease stands until it is worth trying again. ``values``: more columns."""
    wait = backoff(deps.settings.retry_seconds, held["attempts"], error)
    again = {
        "lease_real": deps.clock.machine() + timedelta(seconds=wait),
        "attempts": held["attempts"] + (0 if isinstance(error, RateLimited) else 1),
        "reason": str(error)[:_REASON_LENGTH],
    }
    log.warning("look_postponed", shop_id=held["shop_id"], kind=held["look"], error=type(error).__name__)
    with transaction(deps.engine) as connection:
        _write(connection, held, {**again, **values})


def renew(deps: Deps, held: RowMapping, seconds: float) -> RowMapping | None:
    """Hold it for so much longer (machine seconds); None when somebody else has it now."""
    lease = deps.clock.machine() + timedelta(seconds=seconds)
    with transaction(deps.engine) as connection:
        extended = update(reconcile_passes).where(_mine(held)).values(lease_real=lease).returning(reconcile_passes)
        return connection.execute(extended).mappings().first()


def ask(connection: Connection, shop_id: int, looks: Iterable[str], report_id: int, now: datetime) -> None:
    """Have these looks made now, from their beginning, for this report."""
    rows = [{"shop_id": shop_id, "look": one, "attempts": 0, "due_at": now, "report_id": report_id} for one in looks]
    anew = {
        "due_at": now, "report_id": report_id, "lease_real": None, "began_at": None, "cursor": None, "attempts": 0,
    }  # fmt: skip
    statement = insert(reconcile_passes).values(rows)
    connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "look"], set_=anew))


def waited_for(connection: Connection, shop_id: int, report_id: int) -> list[RowMapping]:
    """The looks that this report still waits for."""
    mine = (reconcile_passes.c.shop_id == shop_id, reconcile_passes.c.report_id == report_id)
    return list(connection.execute(select(reconcile_passes).where(*mine)).mappings())


def finished_since(scope: Scope, look: str, since: datetime) -> bool:
    """Whether this look has been made since then."""
    asked = {"shop_id": scope.shop_id, "look": look, "since": since}
    return bool(scope.connection.scalar(_FINISHED, asked))


_FINISHED = text(
    "SELECT EXISTS (SELECT FROM reconcile_passes WHERE shop_id = :shop_id AND look = :look AND finished_at >= :since)"
)


def _write(connection: Connection, held: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(update(reconcile_passes).where(_mine(held)).values(**values))


def _mine(held: RowMapping) -> Any:
    return and_(
        reconcile_passes.c.shop_id == held["shop_id"],
        reconcile_passes.c.look == held["look"],
        reconcile_passes.c.lease_real == held["lease_real"],
    )
