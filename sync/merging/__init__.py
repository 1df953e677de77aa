"""Two people who turned out to be one.

The one that is kept gets everything, by one stated rule per table (``sync.merging.rules``). The other keeps its row in
``persons``, with ``merged_into`` and nothing else, so that what still names it (a link in a mail, work under way)
finds who it is now. Nobody is found by it any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, bindparam, select, text

from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.models.identity import identity_conflicts
from connector.models.person import persons
from connector.scope import Scope
from sync import conflicts, profiles
from sync.merging.merge import Merge
from sync.merging.profile import join
from sync.merging.rules import RULES

REASONS = ("customer_merge", "same_address", "staff")


def merge(scope: Scope, kept: int, gone: int, *, reason: str) -> int:
    """Make these two people one, and return the one whom both are now; nothing happens when they are one already.

    The caller holds the shop's NORMALISE lock, because two persons are locked here, in the order of their ids. What the
    scope has read of the two before must not be used any more. ``reason``: one of REASONS.

    Raises ValueError for another reason.
    """
    if reason not in REASONS:
        raise ValueError(f"unknown reason of a merge: {reason!r}")
    # What was heard of the two in this very transaction is in the tables when their rows are looked for.
    scope.pay()
    lock_persons(scope, (kept, gone))
    kept, gone = present(scope, kept), present(scope, gone)
    if kept == gone:
        return kept
    # First of all who it is now, because the append-only tables let their lines follow only a merge that is on record.
    join(scope, kept, gone)
    scope.pay()
    scope.ahead.merged(kept, gone)
    pair = Merge(scope, kept, gone)
    moved = {table: count for table, rule in RULES.items() if (count := rule(pair))}
    profiles.touch(scope, kept)
    given = {"shop_id": scope.shop_id, "kept": kept, "gone": gone, "reason": reason, "now": scope.now}
    scope.connection.execute(_RECORD, {**given, "moved": orjson.dumps(moved).decode()})
    scope.bells.update(("flows", "sync"))
    return kept


_RECORD = text(
    """
INSERT INTO person_merges (shop_id, person_id, gone_id, reason, at, moved)
VALUES (:shop_id, :kept, :gone, :reason, :now, CAST(:moved AS jsonb))
"""
)


def present(scope: Scope, person_id: int) -> int:
    """Who this person is now: itself, or the one whom it was merged into. Takes the lock of that one.

    Raises LookupError when there is no such person.
    """
    current = _who(scope, person_id)
    while True:
        lock_persons(scope, [current])
        # It may have been merged while the lock was waited for.
        now = _who(scope, current)
        if now == current:
            return current
        current = now


def _who(scope: Scope, person_id: int) -> int:
    row = scope.connection.execute(_MERGED_INTO, {"shop_id": scope.shop_id, "id": person_id}).first()
    if row is None:
        raise LookupError(f"no person {person_id}")
    return person_id if row.merged_into is None else int(row.merged_into)


_MERGED_INTO = select(persons.c.merged_into).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("id")
)


def everyone(connection: Connection, shop_id: int, person_id: int) -> list[int]:
    """The numbers under which this person is in our tables: its own, and those of everybody merged into it."""
    gone = connection.scalars(
        select(persons.c.id).where(persons.c.shop_id == shop_id, persons.c.merged_into == person_id)
    )
    return sorted({person_id, *gone})


def merge_conflicting(scope: Scope, conflict_id: int, kept: int) -> int:
    """Staff have found that the two of an open conflict are one person: ``kept`` of them stays. Returns who that is.

    Raises LookupError when there is no such conflict, or when it is not about that person.
    """
    lock_shop(scope, NORMALISE)
    row = scope.connection.execute(
        select(identity_conflicts.c.person_id, identity_conflicts.c.other_id).where(
            identity_conflicts.c.shop_id == scope.shop_id,
            identity_conflicts.c.id == conflict_id,
            identity_conflicts.c.resolved_at.is_(None),
        )
    ).first()
    if row is None or kept not in row:
        raise LookupError(f"no open conflict {conflict_id} of person {kept}")
    (gone,) = set(row) - {kept}
    return merge(scope, kept, gone, reason="staff")


def keep_apart(scope: Scope, conflict_ids: Sequence[int]) -> int:
    """Staff have found that these conflicts are between different people; returns how many were open."""
    return sum(conflicts.resolve(scope, one, "different") for one in conflict_ids)
