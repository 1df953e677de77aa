"""What thin payloads lack is read from the store: coalesced wishes, answered in batches (T2b).

A wish raises ``wanted``; a batch answers the number it read, so a wish that comes while the answer is under way
is answered by another read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, text, update

from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Retry
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.sync import fetches
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shopify.graphql import PartialData
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
        },
    )


_WISH = text(
    """
INSERT INTO fetches (shop_id, kind, remote_id, state, wanted, due_real, attempts)
SELECT :shop_id, kind, remote_id, 'due', 1, due_real, 0
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
    attempts = CASE fetches.state WHEN 'leased' THEN fetches.attempts ELSE 0 END
"""
)


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
        reach("t2b.leased")
        ids = [f"gid://shopify/{kind}/{remote_id}" for remote_id in claimed]
        spoiled: dict[int, int] = {}
        try:
            nodes = deps.store(shop).query(document, {"ids": ids}).get("nodes") or []
        except PartialData as error:
            nodes, struck = error.nodes()
            # What came is applied; the rest is asked for again.
            spoiled = {one: claimed[one] for place, one in enumerate(claimed) if place in struck or place >= len(nodes)}
            _put_back(deps, shop, kind, spoiled, error)
        except ProviderError as error:
            _put_back(deps, shop, kind, claimed, error)
            continue
        reach("t2b.answered")
        with deps.open(shop) as scope:
            # Each node takes its person's lock.
            lock_shop(scope, NORMALISE)
            for node in nodes:
                if node and node.get("id"):
                    apply(scope, node)
            answered = {one: wanted for one, wanted in claimed.items() if one not in spoiled}
            _finish(scope.connection, shop.id, kind, answered)
            reach("t2b.applied")
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
