"""What thin payloads lack is read from the store: coalesced wishes, answered in batches (T2b).

A wish raises ``wanted``; a batch answers the number it read, so a wish that comes while the answer is under way
is answered by another read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, text, update

from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Retry
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.sync import fetches
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shopify.graphql import PartialData
from connector.shops import Shop
from sync import wishes
from sync.node_values import number
from sync.privacy.late import of_the_living

log = get(__name__)

BATCH = 50
# How long the answer of a batch may take to be applied; with the store's time-out it is the lease. Machine time.
APPLIED_WITHIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Reader:
    """``document``: the name of the query document; ``apply`` applies one node. ``variables``: what the document is
    given for a shop besides the ids, if that differs from shop to shop.
    """

    document: str
    apply: Callable[[Scope, Mapping[str, Any]], None]
    variables: Callable[[Shop], Mapping[str, Any]] | None = None

    def asked(self, shop: Shop, ids: Sequence[str]) -> dict[str, Any]:
        """The variables that read these global ids."""
        return {"ids": list(ids), **(self.variables(shop) if self.variables else {})}


Readers = Mapping[str, Reader]
"""By GraphQL type."""


def wish(scope: Scope, kind: str, remote_id: int, *, urgent: bool = True) -> None:
    """Ask for this object to be read from the store; wishes for the same object join.

    Not ``urgent``: something may have changed that nobody waits for, so further changes have a moment to join. What
    only quiet scopes have wished for is applied in a quiet scope.
    """
    wished = scope.owed(_write_wishes)
    wished[kind, remote_id] = urgent or wished.get((kind, remote_id), False)
    if urgent:
        scope.bells.add("fetch")


def _write_wishes(scope: Scope, wished: dict[tuple[str, int], bool]) -> None:
    """{(kind, remote id): urgent}, in one order for all who write them."""
    later = scope.machine + timedelta(seconds=scope.settings.fetch_coalesce_seconds)
    scope.connection.execute(
        _WISH,
        {
            "shop_id": scope.shop_id,
            "kinds": [kind for kind, _ in sorted(wished)],
            "remote_ids": [remote_id for _, remote_id in sorted(wished)],
            "due": [scope.machine if wished[key] else later for key in sorted(wished)],
            "quiet": scope.quiet,
            "found_by": scope.found_by,
        },
    )


_WISH = text(
    """
INSERT INTO fetches (shop_id, kind, remote_id, state, wanted, due_real, attempts, quiet, found_by)
SELECT :shop_id, kind, remote_id, 'due', 1, due_real, 0, :quiet, :found_by
FROM unnest(CAST(:kinds AS text[]), CAST(:remote_ids AS bigint[]), CAST(:due AS timestamptz[]))
    AS wished (kind, remote_id, due_real)
ON CONFLICT (shop_id, kind, remote_id) DO UPDATE SET
    wanted = fetches.wanted + 1,
    state = CASE fetches.state WHEN 'leased' THEN 'leased' ELSE 'due' END,
    due_real = CASE fetches.state
        WHEN 'leased' THEN fetches.due_real
        WHEN 'due' THEN least(fetches.due_real, excluded.due_real)
        ELSE excluded.due_real
    END,
    attempts = CASE fetches.state WHEN 'leased' THEN fetches.attempts ELSE 0 END,
    quiet = excluded.quiet AND (fetches.quiet OR fetches.state IN ('done', 'failed')),
    found_by = CASE WHEN fetches.state IN ('done', 'failed') OR fetches.found_by IS NOT NULL THEN excluded.found_by END
"""
)


# A list apart, or the planner may run what has a LIMIT more than once.
_CLAIM = text(
    """
WITH open AS MATERIALIZED (
    SELECT kind, remote_id, due_real, quiet, found_by FROM fetches
    WHERE shop_id = :shop_id AND state IN ('due', 'leased') AND kind = ANY(:kinds)
        AND due_real <= :machine AND (state = 'due' OR lease_real < :machine)
    ORDER BY due_real LIMIT :most + 1
    FOR UPDATE SKIP LOCKED
), chosen AS MATERIALIZED (
    SELECT kind, remote_id FROM open
    WHERE (kind, quiet, coalesce(found_by, ''))
        = (SELECT kind, quiet, coalesce(found_by, '') FROM open ORDER BY due_real, kind, quiet, found_by LIMIT 1)
    ORDER BY due_real LIMIT :most
)
UPDATE fetches SET state = 'leased', lease_real = :lease, attempts = attempts + 1
FROM chosen
WHERE fetches.shop_id = :shop_id AND fetches.kind = chosen.kind AND fetches.remote_id = chosen.remote_id
RETURNING fetches.kind, fetches.remote_id, wanted, quiet, found_by, (SELECT count(*) FROM open) AS open
"""
)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """{remote id: wanted} of the wishes of one kind that are leased to us, and whether that is not all that is due.

    ``quiet``: only quiet scopes have wished for these; ``found_by``: what noticed them, when no delivery has.
    """

    kind: str
    wanted: Mapping[int, int]
    more: bool
    quiet: bool
    found_by: str | None


def _claim(deps: Deps, shop: Shop, kinds: Sequence[str]) -> _Claimed | None:
    """Lease a batch of the kind that has waited longest."""
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.store_timeout_seconds) + APPLIED_WITHIN
    asked = {"shop_id": shop.id, "kinds": list(kinds), "machine": machine, "lease": lease, "most": BATCH}
    with autocommitted(deps.engine) as connection:
        rows = connection.execute(_CLAIM, asked).all()
    if not rows:
        return None
    wanted = {row.remote_id: row.wanted for row in rows}
    return _Claimed(rows[0].kind, wanted, rows[0].open > len(rows), rows[0].quiet, rows[0].found_by)


def answer_due(deps: Deps, shop: Shop, readers: Readers) -> Batch:
    """Read one batch of one kind from the store."""
    claimed = _claim(deps, shop, list(readers))
    if claimed is None:
        return NOTHING
    reach("t2b.leased")
    reader = readers[claimed.kind]
    wanted = dict(claimed.wanted)
    ids = [f"gid://shopify/{claimed.kind}/{remote_id}" for remote_id in wanted]
    try:
        nodes = deps.store(shop).query(reader.document, reader.asked(shop, ids)).get("nodes") or []
    except PartialData as error:
        nodes, struck = error.nodes()
        # What came is applied; the rest is asked for again.
        spoiled = {
            one: wanted.pop(one) for place, one in enumerate(claimed.wanted) if place in struck or place >= len(nodes)
        }
        _put_back(deps, shop, claimed.kind, spoiled, error)
    except ProviderError as error:
        _put_back(deps, shop, claimed.kind, wanted, error)
        return Batch(0, claimed.more)
    reach("t2b.answered")
    with deps.open(shop, quiet=claimed.quiet, found_by=claimed.found_by) as scope:
        # Each node takes its person's lock.
        lock_shop(scope, NORMALISE)
        # What a delivery has asked for meanwhile is read again, and is news then.
        news = awaited(scope.connection, shop.id, claimed.kind, list(wanted)) if claimed.quiet else frozenset()
        for node in of_the_living(scope, nodes):
            if number(node["id"]) not in news:
                reader.apply(scope, node)
        _finish(scope.connection, shop.id, claimed.kind, wanted)
        if claimed.kind == "Customer":
            wishes.end_wait(scope, wanted)
        reach("t2b.applied")
    return Batch(len(claimed.wanted), claimed.more)


def awaited(connection: Connection, shop_id: int, kind: str, remote_ids: Sequence[int]) -> frozenset[int]:
    """Those of these objects that are still to be read because a delivery asked for it: what is new in them is news."""
    return frozenset(connection.scalars(_AWAITED, {"shop_id": shop_id, "kind": kind, "remote_ids": list(remote_ids)}))


_AWAITED = text(
    """
SELECT remote_id FROM fetches
WHERE shop_id = :shop_id AND kind = :kind AND remote_id = ANY(:remote_ids)
    AND state IN ('due', 'leased') AND NOT quiet
"""
)


def _finish(connection: Connection, shop_id: int, kind: str, answered: Mapping[int, int]) -> None:
    connection.execute(
        _FINISH,
        {"shop_id": shop_id, "kind": kind, "remote_ids": list(answered), "wanted": list(answered.values())},
    )


_FINISH = text(
    """
UPDATE fetches SET state = CASE WHEN fetches.wanted = answered.wanted THEN 'done' ELSE 'due' END, lease_real = NULL
FROM unnest(CAST(:remote_ids AS bigint[]), CAST(:wanted AS bigint[])) AS answered (remote_id, wanted)
WHERE fetches.shop_id = :shop_id AND fetches.kind = :kind AND fetches.remote_id = answered.remote_id
"""
)


def _put_back(deps: Deps, shop: Shop, kind: str, claimed: Mapping[int, int], error: ProviderError) -> None:
    """Not read, or not wholly: again later, or, when the store will never answer this, failed with the reason."""
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
            # To wait for a limit is no failure.
            waited = isinstance(error, RateLimited)
            again = waited or (isinstance(error, Retry | PartialData) and row.attempts <= len(schedule))
            # The claim has counted this attempt.
            wait = backoff(schedule, max(row.attempts - 1, 0), error)
            connection.execute(
                update(fetches)
                .where(
                    fetches.c.shop_id == shop.id,
                    fetches.c.kind == kind,
                    fetches.c.remote_id == row.remote_id,
                )
                .values(
                    state="due" if again else "failed",
                    attempts=row.attempts - 1 if waited else row.attempts,
                    lease_real=None,
                    due_real=machine + timedelta(seconds=wait),
                    reason=str(error)[:300],
                )
            )
