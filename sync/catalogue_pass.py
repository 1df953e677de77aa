"""Once an hour the store is asked which products have changed: what a webhook told us is not missed when it was lost.

A pass lists ids and times only, page by page; what is newer than what we hold is wished for and read with everything
else that is read from the store (T2b), which brings it to Brevo. The first pass of a shop lists its whole catalogue.
A pass that is interrupted goes on at its page. Passes overlap, because the store's search index may be behind.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, RowMapping, any_, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited
from connector.logging import get
from connector.models.store import products
from connector.models.sync import catalogue_passes
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync import fetch

log = get(__name__)

EVERY = timedelta(hours=1)
"""Business time from the beginning of one pass to the next."""
OVERLAP = timedelta(minutes=10)
PAGE = 100
# How long an answer may take to be applied; with the store's time-out it is the lease. Machine time.
_APPLIED_WITHIN = timedelta(seconds=5)
_REASON_LENGTH = 300


def look_due(deps: Deps, shop: Shop) -> Batch:
    """Read one page of the pass that is due."""
    held = _claim(deps, shop)
    if held is None:
        return NOTHING
    reach("pass.leased")
    try:
        data = deps.store(shop).query("changed_products", _variables(held))
    except ProviderError as error:
        _postpone(deps, shop, held, error)
        return NOTHING
    reach("pass.listed")
    page = data.get("products") or {}
    nodes = [node for node in page.get("nodes") or () if node]
    told = page.get("pageInfo") or {}
    more = bool(told.get("hasNextPage"))
    with deps.open(shop) as scope:
        for product_id in _newer(scope, nodes):
            fetch.wish(scope, "Product", product_id, urgent=False)
        if not more:
            for collection_id in scope.connection.scalars(_NAMELESS, {"shop_id": shop.id}):
                fetch.wish(scope, "Collection", collection_id, urgent=False)
        _advance(scope, held, told.get("endCursor") if more else None)
        reach("pass.advanced")
    return Batch(len(nodes), more)


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """The shop's row under lease, with a pass under way; None when none is due or somebody else has it."""
    now, machine = deps.clock.now(), deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.store_timeout_seconds) + _APPLIED_WITHIN
    mine = catalogue_passes.c.shop_id == shop.id
    fresh = {"shop_id": shop.id, "due_at": now, "attempts": 0}
    with transaction(deps.engine) as connection:
        connection.execute(insert(catalogue_passes).values(fresh).on_conflict_do_nothing())
        free = or_(catalogue_passes.c.lease_real.is_(None), catalogue_passes.c.lease_real < machine)
        return (
            connection.execute(
                update(catalogue_passes)
                .where(mine, catalogue_passes.c.due_at <= now, free)
                .values(lease_real=lease, began_at=func.coalesce(catalogue_passes.c.began_at, now))
                .returning(catalogue_passes)
            )
            .mappings()
            .first()
        )


def _variables(held: RowMapping) -> dict[str, Any]:
    asked: dict[str, Any] = {"first": PAGE, "after": held["cursor"]}
    if held["since"] is not None:
        asked["query"] = f"updated_at:>='{held['since'].isoformat()}'"
    return asked


_KNOWN = select(products.c.id, products.c.source_updated_at, products.c.collection_ids).where(
    products.c.shop_id == bindparam("shop_id"), products.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
)


# Collections that products are in and that we know nothing else of.
_NAMELESS = text(
    """
SELECT DISTINCT CAST(held.id AS bigint) FROM products
CROSS JOIN LATERAL jsonb_array_elements_text(
    CASE jsonb_typeof(products.collection_ids) WHEN 'array' THEN products.collection_ids ELSE '[]' END
) AS held (id)
WHERE products.shop_id = :shop_id AND products.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM collections WHERE collections.shop_id = :shop_id AND collections.id = CAST(held.id AS bigint)
)
"""
)


def _newer(scope: Scope, nodes: list[dict[str, Any]]) -> list[int]:
    """The products of this page that we do not hold as new as the store, or not whole."""
    told = {int(node["id"].rsplit("/", 1)[-1]): datetime.fromisoformat(node["updatedAt"]) for node in nodes}
    rows = scope.connection.execute(_KNOWN, {"shop_id": scope.shop_id, "ids": list(told)})
    whole = {row.id: row.source_updated_at for row in rows if row.collection_ids is not None}
    return [one for one, at in told.items() if whole.get(one) is None or whole[one] < at]


def _advance(scope: Scope, held: RowMapping, cursor: str | None) -> None:
    """Remember the next page, or that this pass is over and when the next is due."""
    values: dict[str, Any] = {"cursor": cursor, "lease_real": None, "attempts": 0, "reason": None}
    if cursor is None:
        values |= {"since": held["began_at"] - OVERLAP, "began_at": None, "due_at": held["began_at"] + EVERY}
    scope.connection.execute(update(catalogue_passes).where(*_mine(held)).values(values))


def _postpone(deps: Deps, shop: Shop, held: RowMapping, error: ProviderError) -> None:
    """The page was not read: the lease stands until it is worth trying again."""
    wait = backoff(deps.settings.retry_seconds, held["attempts"], error)
    values = {
        "lease_real": deps.clock.machine() + timedelta(seconds=wait),
        "attempts": held["attempts"] + (0 if isinstance(error, RateLimited) else 1),
        "reason": str(error)[:_REASON_LENGTH],
    }
    log.warning("catalogue_pass_postponed", shop_id=shop.id, error=type(error).__name__)
    with transaction(deps.engine) as connection:
        connection.execute(update(catalogue_passes).where(*_mine(held)).values(values))


def _mine(held: RowMapping) -> tuple[Any, Any]:
    return catalogue_passes.c.shop_id == held["shop_id"], catalogue_passes.c.lease_real == held["lease_real"]
