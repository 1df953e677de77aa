"""A re-run is done in slices: a page of records is read from the store and applied, and the run remembers the next.

A slice is one transaction: who dies in it leaves the page to whoever comes when the lease has ended, and nothing is
counted twice. When all pages have been read the run waits until Brevo has been told of every record, and keeps what
Brevo answered to those that it would not take.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import RowMapping, case, func, or_, select, update

from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConfigurationError, InvalidInput, ProviderError, RateLimited, Retry
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.rerun import sync_runs
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync import wishes
from sync.reruns import reading
from sync.reruns.applying import apply
from sync.reruns.endings import REASON_LENGTH, end, keep_failures, left_for_brevo, mine, still_held
from sync.reruns.entities import ENTITIES
from sync.reruns.entities.entity import Entity
from sync.reruns.runs import OPEN
from sync.reruns.what import What

log = get(__name__)

PAGE = 50
# How long a page may take to be applied. Machine time.
_APPLIED_WITHIN = timedelta(seconds=5)
# A page takes up to so many calls to the store.
_CALLS = 3
# Until the next look at what Brevo is still to be told. Machine time.
_LOOK_AGAIN = timedelta(seconds=1)


def run_due(deps: Deps, shop: Shop) -> Batch:
    """One slice of the run that has waited longest."""
    held = _claim(deps, shop)
    if held is None:
        return NOTHING
    reach("rerun.leased")
    entity = ENTITIES[held["entity"]]
    if held["state"] == "stopping" or held["read_all"]:
        return _look_at_brevo(deps, shop, held, entity)
    try:
        what = What.from_json(held["entity"], held["what"])
        source = reading.source(deps, shop, entity, what, held["asked_at"])
        total = source.count()[0] if held["total"] is None else held["total"]
        page = source.page(held["cursor"], PAGE)
        nodes, missing = source.read(page.ids)
    except (ConfigurationError, InvalidInput) as error:
        _fail(deps, shop, held, entity, str(error))
        return Batch(1, True)
    except ProviderError as error:
        return _postpone(deps, shop, held, entity, error)
    reach("rerun.read")
    with deps.open(shop, quiet=True) as scope:
        # Each record takes its persons' locks.
        lock_shop(scope, NORMALISE)
        if not still_held(scope.connection, held):
            return NOTHING
        applied = apply(scope, entity, page.ids, nodes)
        people = {record_id: one.person_id for record_id, one in applied.held.items()}
        keep_failures(scope, held, "here", applied.problems, people)
        keep_failures(scope, held, "here" if what.only_brevo else "store", missing, people)
        failed = missing.keys() | applied.problems.keys()
        told = [one for record_id, one in applied.held.items() if record_id not in failed]
        wishes.again(scope, entity.copy, {one.copy_id: one.version for one in told}, held["id"])
        _advance(scope, held, total, page, failed=len(failed), changed=len(applied.changed - failed))
        reach("rerun.applied")
    return Batch(len(page.ids), True)


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """The run that is due, under lease; None when none is or somebody else has it."""
    now, machine = deps.clock.now(), deps.clock.machine()
    lease = machine + _CALLS * timedelta(seconds=deps.settings.store_timeout_seconds) + _APPLIED_WITHIN
    with transaction(deps.engine) as connection:
        run_id = connection.scalar(
            select(sync_runs.c.id)
            .where(
                sync_runs.c.shop_id == shop.id,
                sync_runs.c.state.in_(OPEN),
                sync_runs.c.due_real <= machine,
                or_(sync_runs.c.lease_real.is_(None), sync_runs.c.lease_real < machine),
            )
            .order_by(sync_runs.c.due_real)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if run_id is None:
            return None
        begun = {
            "state": case((sync_runs.c.state == "queued", "running"), else_=sync_runs.c.state),
            "started_at": func.coalesce(sync_runs.c.started_at, now),
            "lease_real": lease,
        }
        this = (sync_runs.c.shop_id == shop.id) & (sync_runs.c.id == run_id)
        return connection.execute(update(sync_runs).where(this).values(begun).returning(sync_runs)).mappings().one()


def _advance(scope: Scope, held: RowMapping, total: int, page: reading.Page, *, failed: int, changed: int) -> None:
    """Remember the next page, and what became of this one."""
    count = len(page.ids)
    done = held["done"] + count
    scope.connection.execute(
        update(sync_runs)
        .where(mine(held))
        .values(
            total=done if page.next is None else max(total, done),
            done=done,
            changed=held["changed"] + changed,
            unchanged=held["unchanged"] + count - failed - changed,
            failed=held["failed"] + failed,
            cursor=page.next,
            read_all=page.next is None,
            due_real=scope.machine,
            lease_real=None,
            attempts=0,
            reason=None,
        )
    )


def _postpone(deps: Deps, shop: Shop, held: RowMapping, entity: Entity, error: ProviderError) -> Batch:
    """The store did not answer: again later, or the run has failed when it never will."""
    limited = isinstance(error, RateLimited)
    again = limited or (isinstance(error, Retry) and held["attempts"] < len(deps.settings.retry_seconds))
    log.warning("rerun_postponed", shop_id=shop.id, run=held["id"], error=type(error).__name__)
    if not again:
        _fail(deps, shop, held, entity, str(error))
        return Batch(1, True)
    wait = backoff(deps.settings.retry_seconds, held["attempts"], error)
    values = {
        "due_real": deps.clock.machine() + timedelta(seconds=wait),
        "lease_real": None,
        "attempts": held["attempts"] + (0 if limited else 1),
        "reason": str(error)[:REASON_LENGTH],
    }
    with transaction(deps.engine) as connection:
        connection.execute(update(sync_runs).where(mine(held)).values(values))
    return Batch(1, False)


def _fail(deps: Deps, shop: Shop, held: RowMapping, entity: Entity, reason: str) -> None:
    with deps.open(shop) as scope:
        if still_held(scope.connection, held):
            end(scope, held, entity, "failed", reason)


def _look_at_brevo(deps: Deps, shop: Shop, held: RowMapping, entity: Entity) -> Batch:
    """All has been read, or the run is to stop: it ends when Brevo has been told, or at once."""
    with deps.open(shop) as scope:
        if not still_held(scope.connection, held):
            return NOTHING
        if held["state"] == "stopping":
            end(scope, held, entity, "stopped")
            return Batch(1, True)
        left, reason = left_for_brevo(scope, held)
        if left == 0:
            end(scope, held, entity, "done")
            return Batch(1, True)
        values = {"due_real": scope.machine + _LOOK_AGAIN, "lease_real": None, "reason": reason}
        scope.connection.execute(update(sync_runs).where(mine(held)).values(values))
    return Batch(1, False)
