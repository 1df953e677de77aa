"""Asking for Brevo's copy of a record to be brought up to date: one row of ``sync_state`` per record.

What only quiet scopes have wished for is told by no call that starts automations. What a delivery has wished for and is
not told yet stays news, whoever wishes for it besides.

The first copy is due at once. A change to what Brevo knows already opens a window of ``contact_coalesce_seconds``
(machine time), which one call with the newest snapshot closes; changes inside the window join it. The window of a
customer who is about to be read from the store is ``fetch_coalesce_seconds`` longer, because the answer is nearly
always a change too, until the answer is there (``end_wait``). An opt-out waits for nothing.

A contact that only quiet scopes have wished for is ``gathering``: it leaves with others in an import or by itself,
whatever ends sooner (``sync/imports/``). As soon as somebody changes it in earnest it is due like any other, also while
an import that it is in is under way. Orders, products and collections of that kind leave in full batches, in a process
of their own (``sync/copies/bulk.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy import text

from connector.scope import Scope


def wish(scope: Scope, entity: str, entity_id: int, version: int, *, urgent: bool = False) -> None:
    """Ask for Brevo's copy of this record to be at least at ``version``.

    Part of the transaction that changed the record. ``entity`` and ``entity_id``: "contact" and the person's id,
    "order", "product" or "category" and the store's id. The version lives in the record's own table and is raised
    with every change that Brevo should see; a wish that is not newer changes nothing. ``urgent``: a contact, for which
    no window is to be opened.
    """
    wished = scope.owed(_write, last=True)
    before, was_urgent = wished.get((entity, entity_id), (0, False))
    wished[entity, entity_id] = max(version, before), urgent or was_urgent


def _write(scope: Scope, wished: dict[tuple[str, int], tuple[int, bool]]) -> None:
    """{(entity, entity id): (version, urgent)}, in one order for all who write them."""
    keys = sorted(wished)
    window = timedelta(seconds=scope.settings.contact_coalesce_seconds)
    reading = scope.machine + timedelta(seconds=scope.settings.fetch_coalesce_seconds)
    rows = scope.connection.execute(
        _WISH,
        {
            "shop_id": scope.shop_id,
            "machine": scope.machine,
            "window": scope.machine + window,
            "reading": reading,
            "after_reading": reading + window,
            "entities": [entity for entity, _ in keys],
            "entity_ids": [entity_id for _, entity_id in keys],
            "versions": [wished[key][0] for key in keys],
            "quiet": scope.quiet,
        },
    ).all()
    if urgent := [entity_id for entity, entity_id in keys if wished[entity, entity_id][1]]:
        asked = {"shop_id": scope.shop_id, "ids": urgent, "machine": scope.machine}
        if scope.connection.execute(_AT_ONCE, asked).rowcount:
            scope.bells.add("sync")
    # What waits for its window to close is found by the sweeper.
    if any(row.due for row in rows):
        scope.bells.add("sync")
    if any(row.in_bulk for row in rows):
        scope.bells.add("bulk")
    # Nobody is imported while the store is read: whoever looks once a second is soon enough afterwards.
    if any(row.gathering for row in rows) and scope.found_by != "backfill":
        scope.bells.add("imports")


# A yes that is held back from the store, or a reminder, waits for days: a newer word, perhaps a no, does not.
_WISH = text(
    """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, quiet)
SELECT :shop_id, entity, entity_id, version, 0,
    CASE WHEN :quiet AND entity = 'contact' THEN 'gathering' ELSE 'due' END, :machine, 0, :quiet
FROM unnest(CAST(:entities AS text[]), CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[]))
    AS wished (entity, entity_id, version)
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = excluded.wanted_version,
    state = CASE
        WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN excluded.state
        WHEN sync_state.state IN ('gathering', 'importing') AND NOT excluded.quiet THEN 'due'
        ELSE sync_state.state
    END,
    due_real = CASE
        WHEN sync_state.entity IN ('store_consent', 'double_opt_in') AND sync_state.attempts = 0
            THEN least(sync_state.due_real, excluded.due_real)
        WHEN sync_state.state NOT IN ('done', 'failed', 'waiting')
            AND (excluded.quiet OR sync_state.state NOT IN ('gathering', 'importing')) THEN sync_state.due_real
        WHEN sync_state.sent_version > 0 AND sync_state.entity = 'contact' THEN coalesce((
            SELECT CAST(:after_reading AS timestamptz) FROM persons JOIN fetches ON fetches.shop_id = persons.shop_id
                AND fetches.kind = 'Customer' AND fetches.remote_id = persons.customer_id
            WHERE persons.shop_id = sync_state.shop_id AND persons.id = sync_state.entity_id
                AND fetches.state IN ('due', 'leased') AND fetches.attempts = 0
                AND fetches.due_real BETWEEN :machine AND CAST(:reading AS timestamptz)
        ), CAST(:window AS timestamptz))
        WHEN sync_state.sent_version > 0 THEN CAST(:window AS timestamptz)
        ELSE excluded.due_real
    END,
    attempts = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN 0 ELSE sync_state.attempts END,
    reason = CASE WHEN sync_state.state IN ('done', 'failed', 'waiting') THEN NULL ELSE sync_state.reason END,
    quiet = excluded.quiet AND (sync_state.quiet OR sync_state.state IN ('done', 'failed'))
WHERE excluded.wanted_version > sync_state.wanted_version
RETURNING state = 'due' AND due_real <= :machine AND NOT (quiet AND entity IN ('order', 'product', 'category')) AS due,
    state = 'due' AND quiet AND entity IN ('order', 'product', 'category') AS in_bulk,
    state = 'gathering' AS gathering
"""
)
# What was tried before waits for its back-off.
_AT_ONCE = text(
    """
UPDATE sync_state SET due_real = :machine
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = ANY(CAST(:ids AS bigint[]))
    AND state = 'due' AND attempts = 0 AND due_real > :machine
"""
)


def end_wait(scope: Scope, customer_ids: Iterable[int]) -> None:
    """These customers have been read from the store. Their contacts wait for no other reading, and no longer for
    company of what was read, which has waited already; unless another reading was asked for meanwhile.
    """
    scope.owed(_end_waits, last=True).update(dict.fromkeys(customer_ids))


def _end_waits(scope: Scope, ended: dict[int, None]) -> None:
    scope.settle(_write)
    waited = timedelta(seconds=scope.settings.fetch_coalesce_seconds)
    asked = {"shop_id": scope.shop_id, "ids": sorted(ended), "machine": scope.machine, "waited": waited}
    if any(scope.connection.scalars(_END_WAIT, asked).all()):
        scope.bells.add("sync")


# Whoever writes one of these now says himself when it goes.
_END_WAIT = text(
    """
WITH mine AS MATERIALIZED (
    SELECT sync_state.entity_id FROM persons JOIN sync_state ON sync_state.shop_id = persons.shop_id
        AND sync_state.entity = 'contact' AND sync_state.entity_id = persons.id
    WHERE persons.shop_id = :shop_id AND persons.customer_id = ANY(CAST(:ids AS bigint[]))
        AND sync_state.state = 'due' AND sync_state.attempts = 0 AND sync_state.sent_version > 0
        AND sync_state.due_real > :machine AND NOT EXISTS (
            SELECT FROM fetches WHERE fetches.shop_id = persons.shop_id AND fetches.kind = 'Customer'
                AND fetches.remote_id = persons.customer_id AND fetches.state IN ('due', 'leased')
        )
    ORDER BY sync_state.entity_id FOR UPDATE OF sync_state SKIP LOCKED
)
UPDATE sync_state SET due_real = greatest(due_real - CAST(:waited AS interval), CAST(:machine AS timestamptz))
FROM mine
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = 'contact' AND sync_state.entity_id = mine.entity_id
RETURNING due_real <= :machine
"""
)


def follow(scope: Scope, entity: str, entity_id: int, version: int) -> None:
    """Bring Brevo's copy of this record up to date if Brevo has one, by no call that starts automations."""
    followed = scope.owed(_write_followed, last=True)
    followed[entity, entity_id] = max(version, followed.get((entity, entity_id), 0))


def _write_followed(scope: Scope, followed: dict[tuple[str, int], int]) -> None:
    """{(entity, entity id): version}."""
    keys = sorted(followed)
    given = {
        "shop_id": scope.shop_id,
        "machine": scope.machine,
        "entities": [entity for entity, _ in keys],
        "entity_ids": [entity_id for _, entity_id in keys],
        "versions": [followed[key] for key in keys],
    }
    if scope.connection.execute(_FOLLOW, given).rowcount:
        scope.bells.add("bulk")


_FOLLOW = text(
    """
UPDATE sync_state SET
    wanted_version = version,
    state = CASE state WHEN 'leased' THEN 'leased' ELSE 'due' END,
    due_real = CASE state WHEN 'leased' THEN due_real ELSE :machine END,
    attempts = 0, quiet = true
FROM unnest(CAST(:entities AS text[]), CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[]))
    AS followed (entity, entity_id, version)
WHERE shop_id = :shop_id AND sync_state.entity = followed.entity AND sync_state.entity_id = followed.entity_id
    AND sent_version > 0 AND wanted_version < version
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
    scope.bells.update(("sync", "imports", "bulk"))


_AGAIN = text(
    """
INSERT INTO sync_state
    (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts, quiet, run_id)
SELECT :shop_id, :entity, entity_id, version, 0,
    CASE WHEN :entity = 'contact' THEN 'gathering' ELSE 'due' END, :machine, 0, true, :run_id
FROM unnest(CAST(:entity_ids AS bigint[]), CAST(:versions AS bigint[])) AS wished (entity_id, version)
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = greatest(sync_state.wanted_version, excluded.wanted_version),
    state = CASE
        WHEN sync_state.state IN ('leased', 'importing', 'gathering') THEN sync_state.state
        WHEN sync_state.quiet OR sync_state.state IN ('done', 'failed') THEN excluded.state
        ELSE 'due'
    END,
    due_real = CASE sync_state.state WHEN 'leased' THEN sync_state.due_real ELSE excluded.due_real END,
    attempts = CASE sync_state.state WHEN 'leased' THEN sync_state.attempts ELSE 0 END,
    reason = CASE sync_state.state WHEN 'leased' THEN sync_state.reason END,
    quiet = sync_state.quiet OR sync_state.state IN ('done', 'failed'),
    run_id = excluded.run_id
"""
)
