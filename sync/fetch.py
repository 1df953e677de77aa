"""What thin payloads lack is read from the store: coalesced wishes, answered in batches (T2b).

A wish raises ``wanted``; a batch answers the number it read, so a wish that comes while the answer is under way
is answered by another read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Retry
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.sync import fetches
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop

log = get(__name__)

BATCH = 50
# How long the answer of a batch may take to be applied; with the store's time-out it is the lease. Machine time.
APPLIED_WITHIN = timedelta(seconds=5)

Readers = Mapping[str, tuple[str, Callable[[Scope, Mapping[str, Any]], None]]]
"""GraphQL type -> (name of the query document, what applies one node)."""


def wish(scope: Scope, kind: str, remote_id: int, *, urgent: bool = True) -> None:
    """Ask for this object to be read from the store; wishes for the same object join.

    Not ``urgent``: something may have changed that nobody waits for, so further changes have a moment to join.
    """
    moment = timedelta(seconds=0 if urgent else scope.settings.fetch_coalesce_seconds)
    due_real = scope.machine + moment
    held = fetches.c.state == "leased"
    statement = insert(fetches).values(
        shop_id=scope.shop_id,
        kind=kind,
        remote_id=remote_id,
        state="due",
        wanted=1,
        due_real=due_real,
        attempts=0,
    )
    scope.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["shop_id", "kind", "remote_id"],
            set_={
                "wanted": fetches.c.wanted + 1,
                "state": case((held, fetches.c.state), else_="due"),
                "due_real": case(
                    (held, fetches.c.due_real),
                    (fetches.c.state == "due", func.least(fetches.c.due_real, due_real)),
                    else_=due_real,
                ),
                "attempts": case((held, fetches.c.attempts), else_=0),
            },
        )
    )
    if urgent:
        scope.bells.add("fetch")


def _claim(connection: Connection, shop_id: int, kind: str, machine: datetime, lease: timedelta) -> dict[int, int]:
    """{remote id: wanted} of the wishes now leased to us."""
    due = (
        select(fetches.c.remote_id)
        .where(
            fetches.c.shop_id == shop_id,
            fetches.c.kind == kind,
            fetches.c.due_real <= machine,
            or_(fetches.c.state == "due", (fetches.c.state == "leased") & (fetches.c.lease_real < machine)),
        )
        .order_by(fetches.c.due_real)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    # Two statements: as a subquery of the UPDATE the locked SELECT may run more than once and lease more rows.
    chosen = connection.scalars(due).all()
    if not chosen:
        return {}
    rows = connection.execute(
        update(fetches)
        .where(fetches.c.shop_id == shop_id, fetches.c.kind == kind, fetches.c.remote_id.in_(chosen))
        .values(state="leased", lease_real=machine + lease, attempts=fetches.c.attempts + 1)
        .returning(fetches.c.remote_id, fetches.c.wanted)
    )
    return {row.remote_id: row.wanted for row in rows}


def answer_due(deps: Deps, shop: Shop, readers: Readers) -> Batch:
    """Read one batch of each kind from the store."""
    done, more = 0, False
    lease = timedelta(seconds=deps.settings.store_timeout_seconds) + APPLIED_WITHIN
    for kind, (document, apply) in readers.items():
        machine = deps.clock.machine()
        with transaction(deps.engine) as connection:
            claimed = _claim(connection, shop.id, kind, machine, lease)
        if not claimed:
            continue
        ids = [f"gid://shopify/{kind}/{remote_id}" for remote_id in claimed]
        try:
            data = deps.store(shop).query(document, {"ids": ids})
        except ProviderError as error:
            _put_back(deps, shop, kind, claimed, error)
            continue
        nodes = [node for node in data.get("nodes") or [] if node]
        with deps.open(shop) as scope:
            # Each node takes its person's lock.
            lock_shop(scope, NORMALISE)
            for node in nodes:
                apply(scope, node)
            _finish(scope.connection, shop.id, kind, claimed)
        done += len(claimed)
        more = more or len(claimed) == BATCH
    return Batch(done, more)


def _finish(connection: Connection, shop_id: int, kind: str, claimed: Mapping[int, int]) -> None:
    for remote_id, wanted in claimed.items():
        mine = (fetches.c.shop_id == shop_id) & (fetches.c.kind == kind) & (fetches.c.remote_id == remote_id)
        connection.execute(
            update(fetches).where(mine, fetches.c.wanted == wanted).values(state="done", lease_real=None)
        )
        connection.execute(update(fetches).where(mine, fetches.c.wanted != wanted).values(state="due", lease_real=None))


def _put_back(deps: Deps, shop: Shop, kind: str, claimed: Mapping[int, int], error: ProviderError) -> None:
    """Nothing was read: again later, or, when the store will never answer this, failed with the reason."""
    schedule: Sequence[float] = deps.settings.retry_seconds
    machine = deps.clock.machine()
    log.warning("fetch_failed", shop_id=shop.id, kind=kind, count=len(claimed), error=type(error).__name__)
    with transaction(deps.engine) as connection:
        rows = connection.execute(
            select(fetches.c.remote_id, fetches.c.attempts).where(
                fetches.c.shop_id == shop.id, fetches.c.kind == kind, fetches.c.remote_id.in_(claimed)
            )
        ).all()
        for row in rows:
            again = isinstance(error, Retry) and row.attempts <= len(schedule)
            wait = error.after if isinstance(error, RateLimited) else 0.0
            back_off = schedule[min(row.attempts, len(schedule)) - 1] if row.attempts else 0.0
            connection.execute(
                update(fetches)
                .where(
                    fetches.c.shop_id == shop.id,
                    fetches.c.kind == kind,
                    fetches.c.remote_id == row.remote_id,
                )
                .values(
                    state="due" if again else "failed",
                    lease_real=None,
                    due_real=machine + timedelta(seconds=wait or back_off),
                    reason=str(error)[:300],
                )
            )
