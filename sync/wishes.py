"""Asking for Brevo's copy of a record to be brought up to date: one row of ``sync_state`` per record.

What only quiet scopes have wished for is told by no call that starts automations. What a delivery has wished for and is
not told yet stays news, whoever wishes for it besides.

The first copy is due at once. A change to what Brevo knows already opens a window of ``contact_coalesce_seconds``
(machine time), which one call with the newest snapshot closes; changes inside the window join it.
"""

from __future__ import annotations

from collections.abc import Mapping
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
            "quiet": scope.quiet,
        },
    )
    if any(due):
        # What waits for its window to close is found by the sweeper.
        scope.bells.add("sync")


# A yes that is held back from the store, or a reminder, waits for days: a newer word, perhaps a no, does not.
_WISH = text(
    """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, quiet)
SELECT :shop_id, entity, entity_id, version, 0, 'due', :machine, 0, :quiet
FROM unnest(CAST(:entities AS text[]), CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[]))
    AS wished (entity, entity_id, version)
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = excluded.wanted_version,
    state = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN 'due' ELSE sync_state.state END,
    due_real = CASE
        WHEN sync_state.entity IN ('store_consent', 'double_opt_in') AND sync_state.attempts = 0
            THEN least(sync_state.due_real, excluded.due_real)
        WHEN sync_state.state NOT IN ('done', 'failed', 'waiting') THEN sync_state.due_real
        WHEN sync_state.sent_version > 0 THEN CAST(:window AS timestamptz)
        ELSE excluded.due_real
    END,
    attempts = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN 0 ELSE sync_state.attempts END,
    reason = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN NULL ELSE sync_state.reason END,
    quiet = excluded.quiet AND (sync_state.quiet OR sync_state.state IN ('done', 'failed'))
WHERE excluded.wanted_version > sync_state.wanted_version
RETURNING due_real <= :machine
"""
)


def follow(scope: Scope, entity: str, entity_id: int, version: int) -> None:
    """Bring Brevo's copy of this record up to date if Brevo has one, by no call that starts automations."""
    asked = {"shop_id": scope.shop_id, "machine": scope.machine, "entity": entity, "entity_id": entity_id}
    if scope.connection.execute(_FOLLOW, {**asked, "version": version}).rowcount:
        scope.bells.add("sync")


_FOLLOW = text(
    """
UPDATE sync_state SET
    wanted_version = :version,
    state = CASE state WHEN 'leased' THEN 'leased' ELSE 'due' END,
    due_real = CASE state WHEN 'leased' THEN due_real ELSE :machine END,
    attempts = 0, quiet = true
WHERE shop_id = :shop_id AND entity = :entity AND entity_id = :entity_id
    AND sent_version > 0 AND wanted_version < :version
"""
)


def again(scope: Scope, entity: str, versions: Mapping[int, int], run_id: int) -> None:
    """Ask for these records ({entity id: version}) to be told once more, though Brevo may have them as they are.

    For the run of a sync that waits for the outcome, in its quiet scope and after the wishes of the changes it made.
    """
    if not versions:
        return
    scope.connection.execute(
        _AGAIN,
        {
            "shop_id": scope.shop_id,
            "machine": scope.machine,
            "entity": entity,
            "entity_ids": sorted(versions),
            "versions": [versions[one] for one in sorted(versions)],
            "run_id": run_id,
        },
    )
    scope.bells.add("sync")


_AGAIN = text(
    """
INSERT INTO sync_state
    (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, quiet, run_id)
SELECT :shop_id, :entity, entity_id, version, 0, 'due', :machine, 0, true, :run_id
FROM unnest(CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[])) AS wished (entity_id, version)
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = greatest(sync_state.wanted_version, excluded.wanted_version),
    state = CASE sync_state.state WHEN 'leased' THEN 'leased' ELSE 'due' END,
    due_real = CASE sync_state.state WHEN 'leased' THEN sync_state.due_real ELSE excluded.due_real END,
    attempts = CASE sync_state.state WHEN 'leased' THEN sync_state.attempts ELSE 0 END,
    reason = CASE sync_state.state WHEN 'leased' THEN sync_state.reason END,
    quiet = sync_state.quiet OR sync_state.state IN ('done', 'failed'),
    run_id = excluded.run_id
"""
)
