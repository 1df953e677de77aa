"""Records that were copied are applied in the order of their ids, some hundreds in one transaction, which also empties
the table of them and remembers the last. Nothing starts because of them, but for what happened since the shop is live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import insert, text

from connector.clock import monotonic
from connector.crashpoints import reach
from connector.deps import Deps
from connector.models.backfill import backfill_failures
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.applying import BATCH, Applied, apply_batch
from sync.backfill import endings
from sync.backfill.copying import whose
from sync.backfill.parts import Held, keep, leave, more
from sync.node_values import number

FOUND_BY = "backfill"
_REASON_LENGTH = 1000
# So many failures of a part are kept by name.
_NAMED = 1000
# Machine seconds after which a turn ends.
_TURN = 1.0


def apply(deps: Deps, shop: Shop, held: Held) -> Batch:
    """Apply on for a turn; the part has ended when nothing is left."""
    end = monotonic() + _TURN
    while True:
        if not _batch(deps, shop, held):
            return Batch(1, True)
        if monotonic() > end:
            with deps.open(shop) as scope:
                leave(scope.connection, held, {})
            return Batch(1, True)


def _batch(deps: Deps, shop: Shop, held: Held) -> bool:
    """One transaction; whether there may be more."""
    began = monotonic()
    with deps.open(shop, quiet=True, found_by=FOUND_BY) as scope:
        # Who has lost the part finds out before anything is applied.
        keep(scope.connection, deps, held, {})
        rows = _next(scope, held)
        if not rows:
            endings.end_part(scope, held, "done")
            return False
        last = max(row.parent_id for row in rows)
        nodes = _nodes(held, rows)
        applied = apply_batch(scope, held.kind.type, nodes)
        note_failures(scope, held, nodes, applied.failed)
        scope.connection.execute(_DONE, {**held.key, "last": last})
        keep(scope.connection, deps, held, {"applied_to": last, **counts(applied, monotonic() - began)})
        reach("backfill.applied")
    return True


def counts(applied: Applied, seconds: float) -> dict[str, Any]:
    """The part's counts with what became of these records, which took so many machine seconds."""
    became = {
        "created": len(applied.created),
        "changed": len(applied.changed),
        "unchanged": len(applied.unchanged),
        "failed": len(applied.failed),
        "left_out": len(applied.left) + len(applied.erased),
    }
    return {
        "done": more("done", sum(became.values())),
        **{name: more(name, count) for name, count in became.items()},
        "applied_seconds": more("applied_seconds", seconds),
        "attempts": 0,
        "reason": None,
    }


_NEXT = text(
    """
WITH next AS MATERIALIZED (
    SELECT parent_id FROM backfill_lines
    WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind
        AND parent_id > :applied_to AND NOT child
    ORDER BY parent_id LIMIT :most
)
SELECT parent_id, child, body FROM backfill_lines
WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind
    AND parent_id BETWEEN (SELECT min(parent_id) FROM next) AND (SELECT max(parent_id) FROM next)
ORDER BY parent_id, child, seq
"""
)
_DONE = text(
    "DELETE FROM backfill_lines WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind"
    " AND parent_id <= :last"
)
_APPLIED_TO = text(
    "SELECT coalesce(applied_to, 0) FROM backfill_parts"
    " WHERE shop_id = :shop_id AND backfill_id = :backfill_id AND kind = :kind"
)


def _next(scope: Scope, held: Held) -> Sequence[Any]:
    applied_to = scope.connection.scalar(_APPLIED_TO, held.key)
    return scope.connection.execute(_NEXT, {**held.key, "applied_to": applied_to, "most": BATCH}).all()


def _nodes(held: Held, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The records as the store's ``nodes`` tell them. Children whose record is not there are left out."""
    records: dict[int, dict[str, Any]] = {}
    children: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        told = orjson.loads(row.body)
        if row.child:
            children.setdefault(row.parent_id, []).append(told)
        else:
            records[row.parent_id] = told
    return [held.kind.whole(record, children.get(record_id, ())) for record_id, record in records.items()]


def note_failures(scope: Scope, held: Held, nodes: Sequence[Mapping[str, Any]], failed: Mapping[int, str]) -> None:
    """Keep by name why these could not be applied."""
    if not failed or held.row["failed"] >= _NAMED:
        return
    told = {number(node["id"]): node for node in nodes}
    rows = [
        {
            **held.key,
            "record_id": record_id,
            "customer_id": whose(held.kind.type, told[record_id])[0],
            "reason": reason[:_REASON_LENGTH].replace("\x00", ""),
            "failed_at": scope.now,
        }
        for record_id, reason in failed.items()
    ]
    scope.connection.execute(insert(backfill_failures).values(rows))
