"""One step of a backfill: the store is asked for a file, looked at, its file copied, what was copied applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import text

from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import (
    ActionNeeded,
    ConfigurationError,
    InvalidInput,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Retry,
)
from connector.logging import get
from connector.queue.batch import NOTHING, Batch
from connector.shopify import bulk
from connector.shops import Shop
from sync.backfill import applying, asking, copying, endings, pages, parts
from sync.backfill.parts import Held, LostLease

log = get(__name__)

_REASON_LENGTH = 500

Step = Callable[[Deps, Shop, Held], Batch]

_STEPS: Mapping[str, Step] = {
    "waiting": asking.ask,
    "running": asking.look,
    "copying": copying.copy,
    "applying": applying.apply,
    "paging": pages.read_on,
}


def work_due(deps: Deps, shop: Shop) -> Batch:
    """One step of the part that is next."""
    held = parts.claim(deps, shop)
    if held is None:
        return NOTHING
    reach("backfill.leased")
    try:
        if held.stopping:
            return _stop(deps, shop, held)
        return _STEPS[held.row["state"]](deps, shop, held)
    except LostLease:
        return Batch(0, True)
    except (ConfigurationError, InvalidInput) as error:
        return _end(deps, shop, held, "failed", str(error))
    except ProviderError as error:
        return _postpone(deps, shop, held, error)


def _postpone(deps: Deps, shop: Shop, held: Held, error: ProviderError) -> Batch:
    """Again later, or, when the store will never answer this, the part has failed."""
    kind, attempts = held.row["kind"], _attempts(deps, held)
    log.warning("backfill_postponed", shop_id=shop.id, kind=kind, error=type(error).__name__)
    limited = isinstance(error, RateLimited)
    schedule = deps.settings.retry_seconds
    if not limited and not (isinstance(error, Retry | OutcomeUnknown) and attempts < len(schedule)):
        state = "refused" if isinstance(error, ActionNeeded) and held.kind.query is None else "failed"
        return _end(deps, shop, held, state, str(error))
    values = {
        "due_real": deps.clock.machine() + timedelta(seconds=backoff(schedule, attempts, error)),
        "attempts": attempts + (0 if limited else 1),
        "reason": str(error)[:_REASON_LENGTH],
    }
    try:
        with autocommitted(deps.engine) as connection:
            parts.leave(connection, held, values)
    except LostLease:
        return Batch(0, True)
    return Batch(1, True)


def _attempts(deps: Deps, held: Held) -> int:
    """How often it has failed since it last got further."""
    with autocommitted(deps.engine) as connection:
        return int(connection.scalar(_ATTEMPTS, held.key) or 0)


_ATTEMPTS = text(
    "SELECT attempts FROM backfill_parts WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind"
)


def _stop(deps: Deps, shop: Shop, held: Held) -> Batch:
    if held.row["state"] == "running":
        try:
            bulk.cancel(deps.store(shop), held.row["operation"])
        except (ProviderError, ConfigurationError) as error:
            # It ends by itself; nobody reads what it finds.
            log.warning("bulk_operation_not_cancelled", shop_id=shop.id, error=type(error).__name__)
    return _end(deps, shop, held, "stopped", None)


def _end(deps: Deps, shop: Shop, held: Held, state: str, reason: str | None) -> Batch:
    try:
        with deps.open(shop) as scope:
            endings.end_part(scope, held, state, reason[:_REASON_LENGTH] if reason else None)
    except LostLease:
        return Batch(0, True)
    return Batch(1, True)
