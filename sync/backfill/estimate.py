"""How long all of it is thought to take: said once, when the store has told how much there is of everything."""

from __future__ import annotations

from sqlalchemy import update

from connector.db.session import autocommitted
from connector.deps import Deps
from connector.models.backfill import backfills
from connector.shops import Shop
from sync.backfill.progress import Backfill, progress
from sync.copies import pace
from sync.copies.pace import Counts


def keep_first(deps: Deps, shop: Shop, backfill_id: int) -> None:
    """Keep {seconds, store, brevo, at}: machine seconds of all, of reading the store, and until Brevo is told with the
    calls that it takes (``sync.copies.pace``; None where there is no Brevo).
    """
    with autocommitted(deps.engine) as connection:
        found = progress(connection, shop.id, backfill_id)
    left = found.seconds_left
    if found.estimate is not None or left is None:
        return
    machine = deps.clock.machine()
    passed = found.seconds(machine)
    telling = pace.estimate(deps, shop, _counts(found), reading=left) if shop.has_brevo and shop.active else None
    told = {
        "seconds": round(passed + max(left, telling.seconds if telling else 0.0), 1),
        "store": round(passed + left, 1),
        "brevo": telling.told() if telling else None,
        "at": machine.isoformat(),
    }
    this = (backfills.c.shop_id == shop.id) & (backfills.c.id == backfill_id) & backfills.c.estimate.is_(None)
    with autocommitted(deps.engine) as connection:
        connection.execute(update(backfills).where(this).values(estimate=told))


def _counts(found: Backfill) -> Counts:
    there = {part.kind: part.store or 0 for part in found.parts if part.kind != "checkouts"}
    return Counts.of_store(**there)
