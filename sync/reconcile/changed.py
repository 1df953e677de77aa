"""What the store has changed since the last look is listed, ids and times only, page by page, and compared.

Looks overlap, because the store's search index may be behind. What changed in the last moments is left to the next
look: its delivery may be under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, text

from connector.crashpoints import reach
from connector.deps import Deps
from connector.errors import ProviderError
from connector.locks import NORMALISE, lock_shop
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync import fetch
from sync.node_values import moment, number
from sync.reconcile import gaps, passes
from sync.reconcile.kinds import Kind

OVERLAP = timedelta(minutes=30)
GRACE = timedelta(minutes=2)
"""A change that is younger may still be told by its delivery; where somebody asked for a report it is read all the
same."""
PAGE = 250


def look(deps: Deps, shop: Shop, kind: Kind, held: RowMapping) -> Batch:
    """Read one page of what changed."""
    asked = held["report_id"] is not None
    until = held["began_at"] if asked else held["began_at"] - GRACE
    variables: dict[str, Any] = {"first": PAGE, "after": held["cursor"]}
    if held["since"] is not None:
        variables["query"] = _between(held["since"], until, open_end=asked)
    try:
        data = deps.store(shop).query(kind.listing, variables)
    except ProviderError as error:
        passes.postpone(deps, held, error)
        return NOTHING
    reach("pass.listed")
    page = data.get(kind.root) or {}
    told = {number(node["id"]): moment(node["updatedAt"]) for node in page.get("nodes") or () if node}
    follows = page.get("pageInfo") or {}
    more = bool(follows.get("hasNextPage"))
    with deps.open(shop, found_by=gaps.FOUND_BY) as scope:
        lock_shop(scope, NORMALISE)
        if not passes.still_held(scope.connection, held):
            return NOTHING
        found = gaps.judge(scope, kind, {one: at for one, at in told.items() if at is not None})
        if held["since"] is None:
            # The first look lists everything: what it brings was not missed by anybody.
            for one in found:
                fetch.wish(scope, kind.name, one.record_id, urgent=False)
        else:
            gaps.close(scope, kind, found)
        if more:
            passes.go_on(scope.connection, held, cursor=str(follows.get("endCursor")))
        else:
            _end(scope, kind, held)
        reach("pass.advanced")
    return Batch(len(told), more)


def _between(since: datetime, until: datetime, *, open_end: bool) -> str:
    """In the store's search syntax. ``open_end``: whatever comes while it is read counts too."""
    begin = f"updated_at:>='{since.isoformat()}'"
    return begin if open_end else f"{begin} updated_at:<='{until.isoformat()}'"


def _end(scope: Scope, kind: Kind, held: RowMapping) -> None:
    began = held["began_at"]
    passes.finish(
        scope.connection,
        held,
        next_at=began + kind.every,
        now=scope.now,
        machine=scope.machine,
        since=began - OVERLAP,
    )
    if kind.name == "Product":
        for collection_id in scope.connection.scalars(_NAMELESS, {"shop_id": scope.shop_id}):
            fetch.wish(scope, "Collection", collection_id, urgent=False)


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


def first(shop: Shop, now: datetime, *, backfilled: bool) -> Mapping[str, Mapping[str, Any]]:
    """The rows of ``passes`` with which these looks begin.

    Of customers and orders nothing was missed before the shop's webhooks were in place. The catalogue is listed whole,
    and at once, unless a backfill reads it.
    """
    since = shop.live_since or now
    rows: dict[str, Mapping[str, Any]] = {
        passes.name(passes.CHANGED, "Customer"): {"due_at": now + timedelta(minutes=15), "since": since},
        passes.name(passes.CHANGED, "Order"): {"due_at": now + timedelta(minutes=15), "since": since},
    }
    catalogue = {"due_at": now + timedelta(hours=1), "since": since}
    whole = {"due_at": now, "since": None}
    products, collections = (passes.name(passes.CHANGED, kind) for kind in ("Product", "Collection"))
    # The products ask for the collections that they are in.
    rows[products] = catalogue if backfilled else whole
    rows[collections] = catalogue if backfilled else {**catalogue, "since": None}
    return rows
