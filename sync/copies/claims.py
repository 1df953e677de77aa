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
from sync.copies.resource import Also, Claim, Snapshot

_REASON_LENGTH = 300


@cache
def _claim(entities: tuple[tuple[str, bool | None, int], ...]) -> TextClause:
    # Lists apart, or the planner may run what has a LIMIT more than once.
    chosen = " UNION ALL ".join(f"(SELECT * FROM ({_chosen(*one)}) AS open)" for one in entities)  # noqa: S608
    return text(
        f"""
WITH chosen AS MATERIALIZED ({chosen})
UPDATE sync_state SET state = 'leased', lease_real = :lease
FROM chosen
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = chosen.entity
    AND sync_state.entity_id = chosen.entity_id
    AND EXISTS (SELECT FROM shops WHERE id = :shop_id AND state = 'active') AND NOT EXISTS (
        SELECT FROM channel_pauses WHERE shop_id = :shop_id AND channel = '{ACCOUNT}' AND probe_real > :machine
    )
RETURNING sync_state.entity, sync_state.entity_id, wanted_version, sent_version, attempts, due_real, quiet,
    EXISTS (SELECT FROM channel_pauses WHERE shop_id = :shop_id AND channel = '{ACCOUNT}') AS paused
"""  # noqa: S608  of this package's own words only
    )


def _chosen(entity: str, quiet: bool | None, most: int) -> str:
    # Word for word as in the indexes: live changes are found however much of a back-fill waits.
    lane = "" if quiet is None else " AND quiet" if quiet else " AND NOT quiet"
    return (
        f"SELECT entity, entity_id FROM sync_state"  # noqa: S608  of this package's own words only
        f" WHERE shop_id = :shop_id AND entity = '{entity}' AND state IN ('due', 'leased'){lane}"
        f" AND due_real <= :machine AND (lease_real IS NULL OR lease_real < :machine)"
        f" ORDER BY due_real LIMIT {most} FOR UPDATE SKIP LOCKED"
    )


def claim(
    connection: Connection,
    shop: Shop,
    entities: tuple[tuple[str, bool | None, int], ...],
    machine: datetime,
    lease: datetime,
) -> tuple[list[Claim], bool]:
    """Lease what is due of these (entity, quiet or not or both, how many at most), the longest due first; of a paused
    account nothing.

    The second answer: the account is paused and its probe is due.
    """
    asked = {"shop_id": shop.id, "machine": machine, "lease": lease}
    rows = sorted(connection.execute(_claim(entities), asked), key=lambda row: (row.due_real, row.entity_id))
    return [
        Claim(row.entity, row.entity_id, row.wanted_version, row.sent_version, row.attempts, lease, row.quiet)
        for row in rows
    ], any(row.paused for row in rows)


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of a claim: ``state`` (done, failed), unless more than ``version`` is wanted by then.

    In that case it is due again at ``again``. ``sent``: the version that Brevo has now, 0 when none was accepted.
    """

    state: str
    version: int
    again: datetime
    sent: int = 0
    attempts: int = 0
    reason: str | None = None


@cache
def _end(also: str | None) -> TextClause:
    # A statement that changes a row twice makes one of the changes, and does not say which. Here only one is ever
    # made: "overtaken" has to know what became of "ended" before it looks for a row, and looks only if there was none.
    return text(
        f"""
WITH ended AS (
    UPDATE sync_state SET
        sent_version = greatest(sent_version, :sent),
        state = CASE WHEN wanted_version > :version THEN 'due' ELSE :state END,
        due_real = CASE WHEN wanted_version > :version THEN CAST(:again AS timestamptz) ELSE due_real END,
        lease_real = NULL, attempts = :attempts, reason = :reason
    WHERE shop_id = :shop_id AND entity = :entity AND entity_id = :entity_id
        AND state = 'leased' AND lease_real = :lease
    RETURNING 1
), overtaken AS (
    UPDATE sync_state SET state = 'due', due_real = CAST(:again AS timestamptz)
    WHERE shop_id = :shop_id AND entity = :entity AND entity_id = :entity_id
        AND :sent > 0 AND NOT EXISTS (SELECT FROM ended)
){f", also AS ({also})" if also else ""}
SELECT EXISTS (SELECT FROM ended)
"""  # noqa: S608  of this package's own words only
    )


def end(connection: Connection, shop: Shop, held: Claim, ending: Ending, also: Also | None = None) -> bool:
    """Give up the lease with this ending; False when the lease had run out and somebody else has the row.

    If Brevo took what we sent all the same, another call may have been overtaken by ours: the newest goes once more.
    One statement, whatever becomes of it. ``also`` is written in either case. Raises ValueError when one of its names
    is one of ours.
    """
    row = {
        "entity": held.entity,
        "entity_id": held.entity_id,
        "lease": held.lease,
        "state": ending.state,
        "version": ending.version,
        "again": ending.again,
        "sent": ending.sent,
        "attempts": ending.attempts,
        "reason": _shortened(ending.reason),
        "shop_id": shop.id,
    }
    if also is None:
        return bool(connection.execute(_end(None), row).scalar_one())
    if taken := row.keys() & also.values.keys():
        raise ValueError(f"names of the ending itself: {', '.join(sorted(taken))}")
    return bool(connection.execute(_end(also.statement), {**row, **also.values}).scalar_one())


_END_ALL = text(
    """
UPDATE sync_state SET
    sent_version = greatest(sent_version, ending.sent),
    state = CASE WHEN wanted_version > ending.version THEN 'due' ELSE ending.state END,
    due_real = CASE WHEN wanted_version > ending.version THEN CAST(:again AS timestamptz) ELSE due_real END,
    lease_real = NULL, attempts = 0, reason = ending.reason
FROM unnest(
    CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:versions AS bigint[]), CAST(:sent AS bigint[]),
    CAST(:reasons AS text[])
) AS ending (id, state, version, sent, reason)
WHERE shop_id = :shop_id AND entity = :entity AND entity_id = ending.id
    AND entity_id = ANY(CAST(:ids AS bigint[])) AND sync_state.state = 'leased' AND lease_real = :lease
RETURNING entity_id
"""
)
_OVERTAKEN = text(
    """
UPDATE sync_state SET state = 'due', due_real = CAST(:again AS timestamptz)
WHERE shop_id = :shop_id AND entity = :entity AND entity_id = ANY(CAST(:ids AS bigint[]))
"""
)


def end_all(connection: Connection, shop: Shop, ended: Sequence[tuple[Claim, Ending]], again: datetime) -> None:
    """``end`` for many of one kind that were claimed at once, in one transaction. Every ending is done or failed, and
    ``again`` is when what more is wanted of by now is due.
    """
    held = ended[0][0]
    mine = {"shop_id": shop.id, "entity": held.entity, "again": again}
    rows = connection.scalars(
        _END_ALL,
        {
            **mine,
            "lease": held.lease,
            "ids": [one.entity_id for one, _ in ended],
            "states": [ending.state for _, ending in ended],
            "versions": [ending.version for _, ending in ended],
            "sent": [ending.sent for _, ending in ended],
            "reasons": [_shortened(ending.reason) for _, ending in ended],
        },
    )
    written = set(rows)
    lost = [one.entity_id for one, ending in ended if ending.sent and one.entity_id not in written]
    if lost:
        connection.execute(_OVERTAKEN, {**mine, "ids": lost})


def _shortened(reason: str | None) -> str | None:
    return reason[:_REASON_LENGTH] if reason else None


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


# One's own rows are locked first, and the contacts' only then. Both locks answer with the row as it is when they are
# taken, however long the first was waited for. All by their keys, however little is known of the table yet.
_WAIT = text(
    """
WITH mine AS MATERIALIZED (
    SELECT entity_id FROM sync_state
    WHERE shop_id = :shop_id AND entity = :entity AND entity_id = ANY(CAST(:ids AS bigint[]))
        AND state = 'leased' AND lease_real = :lease
    ORDER BY entity_id FOR UPDATE
), contacts AS MATERIALIZED (
    SELECT entity_id, sent_version = 0 AS unsent, state IN ('done', 'failed') AS settled FROM sync_state
    WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = ANY(CAST(:person_ids AS bigint[]))
        AND EXISTS (SELECT FROM mine)
    FOR SHARE SKIP LOCKED
), seen AS MATERIALIZED (
    SELECT given.*, contacts.unsent AND contacts.settled = given.hopeless AS as_seen
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:person_ids AS bigint[]), CAST(:hopeless AS boolean[]),
        CAST(:versions AS bigint[]), CAST(:reasons AS text[])
    ) AS given (entity_id, person_id, hopeless, version, reason)
    JOIN mine ON mine.entity_id = given.entity_id
    LEFT JOIN contacts ON contacts.entity_id = given.person_id
)
UPDATE sync_state SET
    state = CASE WHEN as_seen AND wanted_version <= seen.version THEN 'waiting' ELSE 'due' END,
    due_real = CASE
        WHEN as_seen IS NULL THEN CAST(:later AS timestamptz)
        WHEN as_seen AND wanted_version <= seen.version THEN due_real
        ELSE CAST(:machine AS timestamptz)
    END,
    lease_real = NULL, attempts = 0, reason = seen.reason
FROM seen
WHERE shop_id = :shop_id AND entity = :entity AND sync_state.entity_id = seen.entity_id
    AND sync_state.entity_id = ANY(CAST(:ids AS bigint[]))
"""
)

# When nobody has wished for the contact yet, or somebody writes it just now.
_LOOK_AGAIN = timedelta(seconds=1)


def wait_for_contact(connection: Connection, shop: Shop, waiting: Sequence[Snapshot], machine: datetime) -> None:
    """Put these claims of one turn, one at least, aside until the contact of each one's person wakes it, if the contact
    is as it was seen: still not at Brevo, and ``hopeless`` or not. If it is not, or if more is wanted by now, the claim
    is due again. Nothing is written of one whose lease had run out and whose row somebody else has.

    Holding the contact's row keeps its word from coming between our look and our commit, which would leave us waiting
    for ever. It is not waited for while we hold ours: writers of wishes take both, in an order of their own. Our own
    are locked in the order in which those take them.
    """
    first = waiting[0].claim
    connection.execute(
        _WAIT,
        {
            "shop_id": shop.id,
            "entity": first.entity,
            "lease": first.lease,
            "ids": [one.claim.entity_id for one in waiting],
            "person_ids": [one.waits_for for one in waiting],
            "hopeless": [one.hopeless for one in waiting],
            "versions": [one.version for one in waiting],
            "reasons": [_shortened(one.nothing) for one in waiting],
            "machine": machine,
            "later": machine + _LOOK_AGAIN,
        },
    )
