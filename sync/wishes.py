"""Asking for Brevo's copy of a record to be brought up to date: one row of ``sync_state`` per record.

The first copy is due at once. A change to what Brevo knows already opens a window of ``contact_coalesce_seconds``
(machine time), which one call with the newest snapshot closes; changes inside the window join it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from connector.scope import Scope


def wish(scope: Scope, entity: str, entity_id: int, version: int) -> None:
    """Ask for Brevo's copy of this record to be at least at ``version``.

    Part of the transaction that changed the record. ``entity`` and ``entity_id``: "contact" and the person's id,
    "order", "product" or "category" and the store's id. The version lives in the record's own table and is raised
    with every change that Brevo should see; a wish that is not newer changes nothing.
    """
    wished = scope.owed(_write, last=True)
    wished[entity, entity_id] = max(version, wished.get((entity, entity_id), 0))


def _write(scope: Scope, wished: dict[tuple[str, int], int]) -> None:
    """{(entity, entity id): version}, in one order for all who write them."""
    due = scope.connection.scalars(
        _WISH,
        {
            "shop_id": scope.shop_id,
            "machine": scope.machine,
            "window": scope.machine + timedelta(seconds=scope.settings.contact_coalesce_seconds),
            "entities": [entity for entity, _ in sorted(wished)],
            "entity_ids": [entity_id for _, entity_id in sorted(wished)],
            "versions": [wished[key] for key in sorted(wished)],
        },
    )
    if any(due):
        # What waits for its window to close is found by the sweeper.
        scope.bells.add("sync")


_WISH = text(
    """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts)
SELECT :shop_id, entity, entity_id, version, 0, 'due', :machine, 0
FROM unnest(CAST(:entities AS text[]), CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[]))
    AS wished (entity, entity_id, version)
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = excluded.wanted_version,
    state = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN 'due' ELSE sync_state.state END,
    due_real = CASE
        WHEN sync_state.state NOT IN ('done', 'failed', 'waiting') THEN sync_state.due_real
        WHEN sync_state.sent_version > 0 THEN CAST(:window AS timestamptz)
        ELSE excluded.due_real
    END,
    attempts = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN 0 ELSE sync_state.attempts END,
    reason = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN NULL ELSE sync_state.reason END
WHERE excluded.wanted_version > sync_state.wanted_version
RETURNING due_real <= :machine
"""
)
