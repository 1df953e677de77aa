"""How a re-run ends: when Brevo has been told of all of it, when it is stopped, or when the store will not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.models.rerun import sync_run_failures, sync_runs
from connector.scope import Scope
from sync.reruns.entities.entity import Entity

REASON_LENGTH = 1000


def mine(held: RowMapping) -> Any:
    """The row of a claimed run, as long as the lease is ours."""
    return and_(
        sync_runs.c.shop_id == held["shop_id"],
        sync_runs.c.id == held["id"],
        sync_runs.c.lease_real == held["lease_real"],
    )


def still_held(connection: Connection, held: RowMapping) -> bool:
    """Whether the lease is still ours; its row is locked then, so that it stays so."""
    return connection.scalar(select(sync_runs.c.id).where(mine(held)).with_for_update()) is not None


def keep_failures(
    scope: Scope, held: RowMapping, stage: str, reasons: Mapping[int, str], people: Mapping[int, int | None]
) -> None:
    """Keep why these records failed, by the store's ids; what was kept of one before stays."""
    if not reasons:
        return
    rows = [
        {
            "shop_id": scope.shop_id,
            "run_id": held["id"],
            "record_id": record_id,
            "person_id": people.get(record_id),
            "stage": stage,
            "reason": reason[:REASON_LENGTH],
            "failed_at": scope.now,
        }
        for record_id, reason in reasons.items()
    ]
    scope.connection.execute(insert(sync_run_failures).values(rows).on_conflict_do_nothing())


# What waits for a contact that Brevo cannot have waits in vain.
_IN_VAIN = "state = 'waiting' AND reason LIKE 'no contact:%'"
_LEFT = text(
    f"""
SELECT count(*) AS waiting, max(reason) AS reason FROM sync_state
WHERE shop_id = :shop_id AND run_id = :run_id
    AND state IN ('due', 'leased', 'waiting', 'gathering', 'importing') AND NOT ({_IN_VAIN})
"""  # noqa: S608  of this module's own words only
)
_REFUSED = text(
    f"""
SELECT entity_id, reason FROM sync_state
WHERE shop_id = :shop_id AND run_id = :run_id AND (state = 'failed' OR {_IN_VAIN})
"""  # noqa: S608  of this module's own words only
)
# In the order in which wishes are written.
_LET_GO = text(
    """
WITH mine AS MATERIALIZED (
    SELECT entity, entity_id FROM sync_state WHERE shop_id = :shop_id AND run_id = :run_id
    ORDER BY entity, entity_id FOR UPDATE
)
UPDATE sync_state SET run_id = NULL FROM mine
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = mine.entity AND sync_state.entity_id = mine.entity_id
"""
)


def left_for_brevo(scope: Scope, held: RowMapping) -> tuple[int, str | None]:
    """Of how many records Brevo is still to be told, and what one of them waits for."""
    row = scope.connection.execute(_LEFT, {"shop_id": scope.shop_id, "run_id": held["id"]}).one()
    return row.waiting, row.reason


def end(scope: Scope, held: RowMapping, entity: Entity, state: str, reason: str | None = None) -> None:
    """The run has ended as ``state``: stopped, done or failed. What Brevo would not take is kept with its answer."""
    asked = {"shop_id": scope.shop_id, "run_id": held["id"]}
    refused = {row.entity_id: str(row.reason) for row in scope.connection.execute(_REFUSED, asked)}
    known = entity.records(scope.connection, scope.shop_id, list(refused))
    reasons = {known[copy_id].id: why for copy_id, why in refused.items() if copy_id in known}
    keep_failures(scope, held, "brevo", reasons, {one.id: one.person_id for one in known.values()})
    scope.connection.execute(_LET_GO, asked)
    failed = select(func.count()).where(
        sync_run_failures.c.shop_id == scope.shop_id, sync_run_failures.c.run_id == held["id"]
    )
    scope.connection.execute(
        update(sync_runs)
        .where(mine(held))
        .values(
            state=state,
            failed=failed.scalar_subquery(),
            reason=reason[:REASON_LENGTH] if reason else None,
            lease_real=None,
            finished_at=scope.now,
        )
    )
