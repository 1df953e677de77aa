"""Rows of ``sync_state`` under lease: claiming what is due, and writing down what became of it.

Plain SQL, because each of these runs for nearly every webhook, mostly for a single row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, TextClause, text

from connector.pauses import ACCOUNT
from connector.shops import Shop
from sync.copies.resource import Claim

_REASON_LENGTH = 300


@cache
def _claim(entities: tuple[tuple[str, int], ...]) -> TextClause:
    kinds = ", ".join(f"('{entity}', {most})" for entity, most in entities)
    # A list apart, or the planner may run what has a LIMIT more than once.
    return text(
        f"""
WITH chosen AS MATERIALIZED (
    SELECT open.entity, open.entity_id
    FROM (VALUES {kinds}) AS kinds (entity, most)
    CROSS JOIN LATERAL (
        SELECT entity, entity_id FROM sync_state
        WHERE shop_id = :shop_id AND entity = kinds.entity AND state IN ('due', 'leased')
            AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)
        ORDER BY due_real LIMIT kinds.most
        FOR UPDATE SKIP LOCKED
    ) AS open
    WHERE NOT EXISTS (
        SELECT FROM channel_pauses WHERE shop_id = :shop_id AND channel = '{ACCOUNT}' AND probe_real > :machine
    )
)
UPDATE sync_state SET state = 'leased', lease_real = :lease
FROM chosen
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = chosen.entity
    AND sync_state.entity_id = chosen.entity_id
RETURNING sync_state.entity, sync_state.entity_id, wanted_version, sent_version, attempts, due_real,
    EXISTS (SELECT FROM channel_pauses WHERE shop_id = :shop_id AND channel = '{ACCOUNT}') AS paused
"""  # noqa: S608  of this package's own words only
    )


def claim(
    connection: Connection, shop: Shop, entities: tuple[tuple[str, int], ...], machine: datetime, lease: datetime
) -> tuple[list[Claim], bool]:
    """Lease what is due of these (entity, how many at most), the longest due first; of a paused account nothing.

    The second answer: the account is paused and its probe is due.
    """
    asked = {"shop_id": shop.id, "machine": machine, "lease": lease}
    rows = sorted(connection.execute(_claim(entities), asked), key=lambda row: (row.due_real, row.entity_id))
    return [
        Claim(row.entity, row.entity_id, row.wanted_version, row.sent_version, row.attempts, lease) for row in rows
    ], any(row.paused for row in rows)


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of a claim: ``state`` (done, failed, waiting), unless more than ``version`` is wanted by then.

    In that case it is due again at ``again``. ``sent``: the version that Brevo has now, 0 when none was accepted.
    """

    state: str
    version: int
    again: datetime
    sent: int = 0
    attempts: int = 0
    reason: str | None = None


_END = text(
    """
UPDATE sync_state SET
    sent_version = greatest(sent_version, :sent),
    state = CASE WHEN wanted_version > :version THEN 'due' ELSE :state END,
    due_real = CASE WHEN wanted_version > :version THEN CAST(:again AS timestamptz) ELSE due_real END,
    lease_real = NULL, attempts = :attempts, reason = :reason
WHERE shop_id = :shop_id AND entity = :entity AND entity_id = :entity_id
    AND state = 'leased' AND lease_real = :lease
"""
)

_DUE_NOW = text(
    """
UPDATE sync_state SET state = 'due', due_real = :machine
WHERE shop_id = :shop_id AND entity = :entity AND entity_id = :entity_id
"""
)


def end(connection: Connection, shop: Shop, held: Claim, ending: Ending) -> bool:
    """Give up the lease with this ending; False when the lease had run out and somebody else has the row.

    If Brevo took what we sent all the same, another call may have been overtaken by ours: the newest goes once more.
    """
    row = {"shop_id": shop.id, "entity": held.entity, "entity_id": held.entity_id}
    written = connection.execute(
        _END,
        {
            **row,
            "lease": held.lease,
            "state": ending.state,
            "version": ending.version,
            "again": ending.again,
            "sent": ending.sent,
            "attempts": ending.attempts,
            "reason": ending.reason[:_REASON_LENGTH] if ending.reason else None,
        },
    )
    if written.rowcount == 1:
        return True
    if ending.sent:
        connection.execute(_DUE_NOW, {**row, "machine": ending.again})
    return False


def again(held: Claim, at: datetime, *, attempts: int, reason: str, sent: int = 0) -> Ending:
    """The call brought nothing: due again at ``at``, whatever is wanted by then."""
    return Ending("due", -1, at, sent, attempts, reason)


_RELEASE = text(
    """
UPDATE sync_state SET state = 'due', lease_real = NULL, due_real = greatest(due_real, CAST(:due AS timestamptz))
FROM unnest(CAST(:entities AS text[]), CAST(:ids AS bigint[])) AS claimed (entity, entity_id)
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = claimed.entity
    AND sync_state.entity_id = claimed.entity_id AND state = 'leased' AND lease_real = :lease
"""
)


def release(connection: Connection, shop: Shop, held: Sequence[Claim], due: datetime | None) -> None:
    """Give back what was claimed and not begun; with ``due`` not before then, else with its place in the queue."""
    if not held:
        return
    connection.execute(
        _RELEASE,
        {
            "shop_id": shop.id,
            "entities": [one.entity for one in held],
            "ids": [one.entity_id for one in held],
            "lease": held[0].lease,
            "due": due,
        },
    )


_CONTACT = text(
    """
SELECT sent_version, state IN ('done', 'failed') AS settled FROM sync_state
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = :person_id
FOR SHARE SKIP LOCKED
"""
)

# When nobody has wished for the contact yet, or somebody writes it just now.
_LOOK_AGAIN = timedelta(seconds=1)


def wait_for_contact(
    connection: Connection, shop: Shop, held: Claim, ending: Ending, person_id: int, *, settled: bool
) -> None:
    """Put the row aside until the person's contact wakes it, if the contact is as it was seen: still not at Brevo,
    and ``settled`` or not. If it is not, the row is due again.

    Holding the contact's row keeps its word from coming between our look and our commit, which would leave us waiting
    for ever. It is not waited for while we hold ours: writers of wishes take both, in an order of their own.
    """
    if not end(connection, shop, held, ending):
        return
    contact = connection.execute(_CONTACT, {"shop_id": shop.id, "person_id": person_id}).first()
    if contact is not None and contact.sent_version == 0 and contact.settled == settled:
        return
    at = ending.again if contact is not None else ending.again + _LOOK_AGAIN
    row = {"shop_id": shop.id, "entity": held.entity, "entity_id": held.entity_id}
    connection.execute(_DUE_NOW, {**row, "machine": at})
