"""Having the store write a file, and looking how far it is.

That it was asked is written down before it is: when its answer is lost, the operation is looked for among those that
it has begun since.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, Refused, Retry
from connector.models.backfill import backfill_parts
from connector.queue.batch import Batch
from connector.shopify import bulk
from connector.shopify.bulk import Operation
from connector.shopify.graphql import PROVIDER
from connector.shops import Shop
from sync.backfill import estimate
from sync.backfill.parts import EMPTY, Held, keep, leave, more

# Between two looks at an operation, growing. Wire time; machine time for the least, in which others get their turn.
_SOON, _GROWTH, _SELDOM, _LEAST = 0.5, 1.5, 30.0, 0.2
# The store's clock may be so far behind ours.
_CLOCKS = timedelta(minutes=2)


def ask(deps: Deps, shop: Shop, held: Held) -> Batch:
    """Raises Busy, and what the store answers."""
    query = held.kind.query
    if query is None:
        raise ValueError(f"{held.kind.name} is read page by page")
    store, wanted, operation_id = deps.store(shop), query(shop), None
    if held.row["asked_at"] is not None:
        operation_id = bulk.begun_since(store, wanted, held.row["asked_at"] - _CLOCKS, _known(deps, shop))
    if operation_id is None:
        with autocommitted(deps.engine) as connection:
            keep(connection, deps, held, {"asked_at": deps.clock.now(), "calls": more("calls")})
        try:
            operation_id = bulk.run(store, wanted)
        except (Retry, Refused, ActionNeeded):
            with autocommitted(deps.engine) as connection:
                # It has begun nothing.
                keep(connection, deps, held, {"asked_at": None})
            raise
        reach("backfill.asked")
    values = {
        "state": "running",
        "operation": operation_id,
        "asked_at": None,
        "due_real": deps.clock.machine() + _pause(deps, 0),
        "attempts": 0,
        "reason": None,
    }
    with autocommitted(deps.engine) as connection:
        leave(connection, held, values)
    return Batch(1, True)


def _known(deps: Deps, shop: Shop) -> set[str]:
    query = select(backfill_parts.c.operation).where(backfill_parts.c.shop_id == shop.id)
    with autocommitted(deps.engine) as connection:
        return {one for one in connection.scalars(query) if one is not None}


def _pause(deps: Deps, polls: int) -> timedelta:
    wire = min(_SOON * _GROWTH ** min(polls, 20), _SELDOM)
    return timedelta(seconds=max(wire / deps.settings.wire_rate, _LEAST))


def look(deps: Deps, shop: Shop, held: Held) -> Batch:
    """Raises what the store answers; Retry when it has to be asked for another operation."""
    found = bulk.look(deps.store(shop), held.row["operation"])
    if found is not None and found.under_way:
        values = {
            "polls": more("polls"),
            "lines_expected": found.lines,
            "due_real": deps.clock.machine() + _pause(deps, held.row["polls"]),
        }
        with autocommitted(deps.engine) as connection:
            leave(connection, held, values)
        return Batch(1, False)
    if found is None or found.state != "completed":
        return _anew(deps, held, found)
    values = {
        "state": "copying" if found.url else "applying",
        "polls": more("polls"),
        "file_bytes": found.bytes if found.url else 0,
        "lines_expected": found.lines,
        "records_expected": found.records,
        "due_real": deps.clock.machine(),
        "attempts": 0,
        "reason": None,
    }
    with autocommitted(deps.engine) as connection:
        leave(connection, held, values)
    estimate.keep_first(deps, shop, held.row["backfill_id"])
    return Batch(1, True)


# What a part is again that begins from the beginning.
BEGINNING = {
    "operation": None, "file_bytes": None, "lines_expected": None, "records_expected": None, "bytes_done": 0,
    "lines_done": 0, "applied_to": None, "cursor": None, "done": 0, "created": 0, "changed": 0, "unchanged": 0,
    "failed": 0, "left_out": 0, "applied_seconds": 0.0,
}  # fmt: skip


def _anew(deps: Deps, held: Held, found: Operation | None) -> Batch:
    """The operation has failed, was ended, or is forgotten: another one may do better."""
    if found is not None and found.error == "ACCESS_DENIED":
        raise ActionNeeded(PROVIDER, f"the app may not read {held.kind.name}: check its scopes", code=found.error)
    became = "is not there any more" if found is None else f"is {found.state} ({found.error or 'no reason told'})"
    begin_anew(deps, held)
    raise Retry(PROVIDER, f"the store's bulk operation {became}")


def begin_anew(deps: Deps, held: Held) -> None:
    """Have the store write another file, of which nothing was copied or applied."""
    with transaction(deps.engine) as connection:
        keep(connection, deps, held, {**BEGINNING, "polls": more("polls"), "state": "waiting"})
        connection.execute(EMPTY, held.key)
