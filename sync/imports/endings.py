"""What became of an import, written to each person in it.

In slices: who dies between two of them goes on with those who are still in the import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping, text

from connector.brevo.client import BrevoAccount
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.queue.bells import ring
from connector.shops import Shop
from sync.copies import contact
from sync.imports import leaving
from sync.imports.result_files import Refused

# So many people in one transaction.
_SLICE = 900
_REASON_LENGTH = 300


def end(deps: Deps, shop: Shop, account: BrevoAccount, held: RowMapping, refused: Refused) -> None:
    """The import has ended: Brevo has everybody in it but those whom it ``refused``.

    They go by themselves, which finds out what is wrong with them and leaves out what can be. Raises ProviderError when
    somebody could not be taken off a list: the rest waits.
    """
    while people := _people(deps, shop, held):
        leaving.leave_lists(deps, shop, account, people)
        _write(deps, shop, held, people, refused.people)
    leaving.empty_list_of_imports(shop, account, held)
    reason = f"{refused.unknown} left-out lines name nobody" if refused.unknown else None
    _close(deps, shop, held, "done", len(refused.people), reason)


def give_up(deps: Deps, shop: Shop, held: RowMapping, reason: str) -> None:
    """Nobody knows whom the import has brought, or it brought nobody: everybody in it goes by themselves."""
    while people := _people(deps, shop, held):
        _write(deps, shop, held, people, dict.fromkeys(people, reason))
    _close(deps, shop, held, "failed", 0, reason)


def _people(deps: Deps, shop: Shop, held: RowMapping) -> Sequence[int]:
    """Some of those who are still in the import."""
    with autocommitted(deps.engine) as connection:
        asked = {"shop_id": shop.id, "import_id": held["id"], "most": _SLICE}
        return connection.scalars(_STILL_IN, asked).all()


_STILL_IN = text(
    "SELECT entity_id FROM sync_state WHERE shop_id = :shop_id AND import_id = :import_id"
    " ORDER BY entity_id LIMIT :most"
)


def _write(deps: Deps, shop: Shop, held: RowMapping, people: Sequence[int], refused: Mapping[int, str]) -> None:
    """One slice. Those who wait for these contacts are woken by a statement after it, in the same transaction, so that
    it sees who has begun to wait meanwhile (``sync.copies.turn``)."""
    machine = deps.clock.machine()
    named = {one: refused[one] for one in people if one in refused}
    given = {"ids": list(people), "refused": list(named), "why": list(named.values())}
    with transaction(deps.engine) as connection:
        connection.execute(_BACK_ON_LISTS, {"shop_id": shop.id, "import_id": held["id"], "ids": list(people)})
        connection.execute(_TOLD, {"shop_id": shop.id, "import_id": held["id"], "machine": machine, **given})
        contact.wake_all(connection, shop, people, machine)
        reach("import.recorded")
    ring(deps.redis, "sync", shop.id)


# The import may have put them on lists that they have left meanwhile.
_BACK_ON_LISTS = text(
    """
DELETE FROM lists_left WHERE shop_id = :shop_id AND person_id IN (
    SELECT entity_id FROM sync_state WHERE shop_id = :shop_id AND import_id = :import_id
        AND entity_id = ANY(CAST(:ids AS bigint[])) AND state <> 'importing'
)
"""
)
# Whoever is not "importing" any more was changed in earnest since the import was made, and told of by a call of their
# own, which the import may have overtaken: the newest goes once more. A call under way loses its lease for that.
_TOLD = text(
    """
WITH mine AS MATERIALIZED (
    SELECT entity, entity_id, state, quiet, wanted_version, import_version FROM sync_state
    WHERE shop_id = :shop_id AND import_id = :import_id AND entity_id = ANY(CAST(:ids AS bigint[]))
    ORDER BY entity_id FOR UPDATE
), outcome AS MATERIALIZED (
    SELECT entity, entity_id, refused.why,
        CASE
            WHEN state <> 'importing' AND import_version IS NULL THEN state
            WHEN state <> 'importing' THEN 'due'
            WHEN refused.why IS NOT NULL THEN 'due'
            WHEN import_version IS NULL OR wanted_version > import_version
                THEN CASE WHEN quiet THEN 'gathering' ELSE 'due' END
            ELSE 'done'
        END AS state
    FROM mine LEFT JOIN unnest(CAST(:refused AS bigint[]), CAST(:why AS text[])) AS refused (id, why)
        ON refused.id = entity_id
)
UPDATE sync_state SET
    state = outcome.state,
    due_real = CASE
        WHEN outcome.state = 'due' AND sync_state.state <> 'due' THEN CAST(:machine AS timestamptz)
        ELSE due_real
    END,
    lease_real = CASE WHEN outcome.state = 'leased' THEN lease_real END,
    sent_version = CASE
        WHEN outcome.why IS NULL THEN greatest(sent_version, coalesce(import_version, 0)) ELSE sent_version
    END,
    attempts = CASE WHEN sync_state.state = 'importing' THEN 0 ELSE attempts END,
    reason = CASE WHEN sync_state.state = 'importing' THEN 'import: ' || outcome.why ELSE reason END,
    import_id = NULL, import_version = NULL
FROM outcome
WHERE shop_id = :shop_id AND sync_state.entity = outcome.entity AND sync_state.entity_id = outcome.entity_id
"""
)


def _close(deps: Deps, shop: Shop, held: RowMapping, state: str, refused: int, reason: str | None) -> None:
    given = {"shop_id": shop.id, "id": held["id"], "state": state, "refused": refused, "now": deps.clock.now()}
    with autocommitted(deps.engine) as connection:
        connection.execute(_CLOSE, {**given, "reason": reason[:_REASON_LENGTH] if reason else None})


_CLOSE = text(
    """
UPDATE contact_imports SET state = :state, refused = :refused, reason = :reason, ended_at = :now, lease_real = NULL
WHERE shop_id = :shop_id AND id = :id AND state IN ('due', 'sent')
"""
)
