"""What a shop leaves behind when it removes the app: runs end, clocks are taken off, waiting messages are given up.

Nothing of it could have an effect any more, because work is done for active shops only. But a shop that comes back must
not find people in the middle of where they were months ago.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, text, update

from connector.deps import Deps
from connector.locks import lock_persons
from connector.models.arming import armings
from connector.models.flow import runs, timers, trail
from connector.models.outbox import outbox
from connector.models.shop import shops
from connector.outbox import settle
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop

# Persons in one transaction.
BATCH = 200
REASON = "app_removed"


def close_due(deps: Deps, shop: Shop) -> Batch:
    """Close what a batch of persons has open, if the shop has removed the app. Who is locked stays for the next."""
    found, closed = _batch(deps, shop)
    return Batch(closed, found == BATCH)


def close_all(deps: Deps, shop: Shop) -> bool:
    """Close what everybody has open; False when somebody was locked, and had better be tried again."""
    while True:
        found, closed = _batch(deps, shop)
        if not found:
            return True
        if not closed:
            return False


def _batch(deps: Deps, shop: Shop) -> tuple[int, int]:
    """How many persons were found with something open, up to BATCH, and of how many it was closed."""
    with deps.open(shop) as scope:
        # Held until the end, so that nobody connects the shop again in between.
        state = select(shops.c.state).where(shops.c.id == shop.id).with_for_update(read=True)
        if scope.connection.scalar(state) != "uninstalled":
            return 0, 0
        _end_armings(scope)
        found = scope.connection.scalars(_OPEN, {"shop_id": shop.id, "most": BATCH}).all()
        mine = lock_persons(scope, found, skip_locked=True)
        _end_runs(scope, mine)
        scope.connection.execute(delete(timers).where(timers.c.shop_id == shop.id, timers.c.person_id.in_(mine)))
        _give_up(scope, mine)
        return len(found), len(mine)


_OPEN = text(
    """
SELECT person_id FROM runs WHERE shop_id = :shop_id AND state = 'live'
UNION SELECT person_id FROM timers WHERE shop_id = :shop_id
UNION SELECT person_id FROM outbox WHERE shop_id = :shop_id AND state = 'due'
ORDER BY person_id LIMIT :most
"""
)


def _end_armings(scope: Scope) -> None:
    """Nobody is armed any more. What was goes with the clocks."""
    scope.connection.execute(
        update(armings)
        .where(armings.c.shop_id == scope.shop_id, armings.c.state.in_(("queued", "running", "stopping")))
        .values(state="stopped", finished_at=scope.now)
    )


def _end_runs(scope: Scope, persons: list[int]) -> None:
    ended = scope.connection.execute(
        update(runs)
        .where(runs.c.shop_id == scope.shop_id, runs.c.person_id.in_(persons), runs.c.state == "live")
        .values(state="done", outcome="exited", ended_at=scope.now)
        .returning(runs.c.id, runs.c.flow, runs.c.person_id)
    ).all()
    lines = [
        {
            "shop_id": scope.shop_id,
            "person_id": run.person_id,
            "run_id": run.id,
            "flow": run.flow,
            "at": scope.now,
            "code": "exited",
            "detail": {"reason": REASON},
        }
        for run in ended
    ]
    if lines:
        scope.connection.execute(insert(trail), lines)


def _give_up(scope: Scope, persons: list[int]) -> None:
    waiting = select(outbox).where(
        outbox.c.shop_id == scope.shop_id, outbox.c.person_id.in_(persons), outbox.c.state == "due"
    )
    for row in scope.connection.execute(waiting).mappings().all():
        settle(scope, dict(row), "skipped", reason=REASON, at=scope.now, awaited=False)
