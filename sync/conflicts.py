"""What contradicts itself about who is who: noted once, shown to staff, resolved when it is no longer so.

* ``phone``: two people with one number. Families share one, so nobody is merged for it.
* ``email``: two customer records with one address. The address names the one that had it first.
* ``typed``: a customer gave somebody else's address at a checkout. The customer decides whose it is.
* ``customer``: the store merged two records of which one is somebody else's by its own earlier word.

An address names whoever has it now. Somebody's old address goes on naming them until another customer has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, text, update

from connector.db.rows import among
from connector.models.identity import identity_conflicts
from connector.scope import Scope, Write

Resolution = Literal["merged", "changed", "different"]

SHARED = ("email", "phone")
"""Fields of a profile that two people had better not share, which is what their conflicts are called too."""


@dataclass(frozen=True)
class Conflict:
    """One row of ``identity_conflicts``; ``value`` is the number, address or customer id in question."""

    id: int
    kind: str
    value: str
    person_id: int
    other_id: int
    noted_at: datetime


def conflicts(
    connection: Connection, shop_id: int, *, of: Sequence[int] | None = None, most: int = 200
) -> list[Conflict]:
    """What is open, the oldest first; with ``of`` only what concerns one of these people."""
    query = (
        select(*(identity_conflicts.c[name] for name in Conflict.__annotations__))
        .where(identity_conflicts.c.shop_id == shop_id, identity_conflicts.c.resolved_at.is_(None))
        .order_by(identity_conflicts.c.id)
        .limit(most)
    )
    if of is not None:
        query = query.where(
            among(identity_conflicts.c.person_id, "people") | among(identity_conflicts.c.other_id, "people")
        )
    return [Conflict(**row) for row in connection.execute(query, {} if of is None else {"people": list(of)}).mappings()]


def note(scope: Scope, kind: str, value: str, one: int, other: int) -> None:
    """Keep that these two contradict each other, if that is not known; what was resolved is not opened again."""
    if one != other:
        scope.owed(_note)[kind, value, min(one, other), max(one, other)] = None


def _note(scope: Scope, noted: dict[tuple[str, str, int, int], None]) -> None:
    kinds, values, persons, others = (list(part) for part in zip(*noted, strict=True))
    given = {"kinds": kinds, "values": values, "persons": persons, "others": others}
    scope.connection.execute(_NOTE, {"shop_id": scope.shop_id, "now": scope.now, **given})


_NOTE = text(
    """
INSERT INTO identity_conflicts (shop_id, kind, value, person_id, other_id, noted_at)
SELECT :shop_id, kind, value, person_id, other_id, :now
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:persons AS bigint[]), CAST(:others AS bigint[]))
    AS noted (kind, value, person_id, other_id)
ON CONFLICT DO NOTHING
"""
)


def compare(scope: Scope, kind: str, person_id: int) -> None:
    """Has somebody else what this person has? Asked at the end of the transaction. ``kind``: one of SHARED."""
    scope.owed(_SHARED_BY[kind], last=True)[person_id] = None


def release(scope: Scope, kind: str, value: str) -> None:
    """Somebody has this no longer: is anybody left who has? An address names that one from now on. Asked at the end of
    the transaction. ``kind``: one of SHARED.
    """
    scope.owed(_LEFT_BY[kind], last=True)[value] = None


def _shared_by(kind: str) -> Write:
    statement = text(
        f"""
INSERT INTO identity_conflicts (shop_id, kind, value, person_id, other_id, noted_at)
SELECT :shop_id, '{kind}', mine.{kind}, least(mine.id, other.id), greatest(mine.id, other.id), :now
FROM persons AS mine
JOIN persons AS other ON other.shop_id = :shop_id AND other.{kind} = mine.{kind} AND other.id <> mine.id
WHERE mine.shop_id = :shop_id AND mine.id = ANY (CAST(:persons AS bigint[]))
ON CONFLICT DO NOTHING
"""  # noqa: S608  of this module's own words only
    )

    def write(scope: Scope, people: dict[Any, Any]) -> None:
        scope.connection.execute(statement, {"shop_id": scope.shop_id, "now": scope.now, "persons": list(people)})

    return write


def _left_by(kind: str) -> Write:
    apart = text(
        f"""
UPDATE identity_conflicts SET resolved_at = :now, resolution = 'changed'
WHERE shop_id = :shop_id AND kind = '{kind}' AND value = ANY (CAST(:values AS text[])) AND resolved_at IS NULL
    AND (
        SELECT count(*) FROM persons
        WHERE shop_id = :shop_id AND id IN (identity_conflicts.person_id, other_id) AND {kind} = value
    ) < 2
"""  # noqa: S608  of this module's own words only
    )

    def write(scope: Scope, values: dict[Any, Any]) -> None:
        given = {"shop_id": scope.shop_id, "now": scope.now, "values": sorted(values)}
        scope.connection.execute(apart, given)
        if kind == "email":
            scope.connection.execute(_HAND_OVER, given)
            for value in values:
                scope.ahead.identities.pop(("email", value), None)

    return write


_HAND_OVER = text(
    """
UPDATE identities SET person_id = owner.id, since = :now
FROM unnest(CAST(:values AS text[])) AS released (email)
CROSS JOIN LATERAL (
    SELECT id FROM persons WHERE shop_id = :shop_id AND persons.email = released.email ORDER BY id LIMIT 1
) AS owner
WHERE shop_id = :shop_id AND kind = 'email' AND value = released.email AND NOT EXISTS (
    SELECT FROM persons
    WHERE shop_id = :shop_id AND persons.id = identities.person_id AND persons.email = released.email
)
"""
)
_SHARED_BY = {kind: _shared_by(kind) for kind in SHARED}
_LEFT_BY = {kind: _left_by(kind) for kind in SHARED}


def resolve(scope: Scope, conflict_id: int, resolution: Resolution) -> bool:
    """End a conflict, whoever found out; False when it was over already or is none of this shop's."""
    done = scope.connection.execute(
        update(identity_conflicts)
        .where(
            identity_conflicts.c.shop_id == scope.shop_id,
            identity_conflicts.c.id == conflict_id,
            identity_conflicts.c.resolved_at.is_(None),
        )
        .values(resolved_at=scope.now, resolution=resolution)
    )
    return done.rowcount == 1


def merged(scope: Scope, kept: int, gone: int) -> None:
    """The two are one: what they contradicted each other in is over, and what the one that is gone had with others is
    the kept one's."""
    given = {"shop_id": scope.shop_id, "now": scope.now, "kept": kept, "gone": gone}
    scope.connection.execute(_MERGED, given)
    scope.connection.execute(_INHERIT, given)


_MERGED = text(
    """
UPDATE identity_conflicts SET resolved_at = :now, resolution = 'merged'
WHERE shop_id = :shop_id AND person_id IN (:kept, :gone) AND other_id IN (:kept, :gone) AND resolved_at IS NULL
"""
)
# One that the kept one has too, with the same person for the same reason, is told once.
_INHERIT = text(
    """
WITH theirs AS (
    DELETE FROM identity_conflicts
    WHERE shop_id = :shop_id AND resolved_at IS NULL AND (person_id = :gone OR other_id = :gone)
    RETURNING kind, value, CASE person_id WHEN :gone THEN other_id ELSE person_id END AS with_id, noted_at
)
INSERT INTO identity_conflicts (shop_id, kind, value, person_id, other_id, noted_at)
SELECT :shop_id, kind, value, least(with_id, :kept), greatest(with_id, :kept), noted_at FROM theirs
ON CONFLICT DO NOTHING
"""
)
