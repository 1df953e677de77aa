"""What is known of a person: read once in a transaction, written at its end, and told to the provider when it shows.

Every change takes the person's lock. What changes of an address or a number is compared with other people's
(``sync/conflicts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text

from connector.db.rows import write_rows
from connector.locks import lock_persons
from connector.models.person import persons
from connector.scope import Scope
from sync import conflicts, wishes

# What changes without the provider showing it.
_UNSEEN = frozenset({"source_updated_at", "customer_deleted_at", "region", "figures_hold"})
# Of a profile that is to be written: the person is not in the table yet; the provider sees the change; at once; the
# provider may have a value that is to be emptied.
_NEW, _SEEN, _URGENT, _EMPTIED = "new", "seen", "urgent", "emptied"


def held_profile(scope: Scope, person_id: int) -> Mapping[str, Any]:
    """The person's row of ``persons``. Takes the person's lock, under which nobody else changes it: one reading
    serves the whole transaction, as long as every change goes through ``update_profile``."""
    profile = scope.profiles.get(person_id)
    if profile is None:
        lock_persons(scope, [person_id])
        query = select(persons).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id)
        profile = dict(scope.connection.execute(query).mappings().one())
        scope.profiles[person_id] = profile
    return profile


def add(scope: Scope, profile: dict[str, Any]) -> None:
    """Somebody new, whose number is reserved (``Scope.number``). Written at the end, with what is learnt by then."""
    person_id = profile["id"]
    scope.locked.add(person_id)
    scope.profiles[person_id] = profile
    scope.owed(_write_profiles)[person_id] = {_NEW}


def update_profile(scope: Scope, person_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write what changed; a real change raises the version and wishes for the contact at the provider.

    Returns {field: [old, new]} of what changed.
    """
    current = held_profile(scope, person_id)
    changed = {name: [current[name], value] for name, value in values.items() if current[name] != value}
    if not changed:
        return {}
    fields = {name: pair[1] for name, pair in changed.items()}
    scope.profiles[person_id] = {**current, **fields}
    scope.owed(_write_profiles).setdefault(person_id, set())
    visible = {name: pair for name, pair in changed.items() if name not in _UNSEEN}
    if visible:
        # Of all columns it is told of these alone that there are none; what else is not known any more stays there.
        touch(scope, person_id, emptied="tags" in changed and not changed["tags"][1])
    for kind in changed.keys() & set(conflicts.SHARED):
        old, new = changed[kind]
        if old:
            conflicts.release(scope, kind, old)
        if new:
            conflicts.compare(scope, kind, person_id)
    return visible


def touch(scope: Scope, person_id: int, *, urgent: bool = False, emptied: bool = False) -> None:
    """Something that the provider shows of this person changed: raise the version and wish for the contact.

    ``urgent``: other changes are not waited for; ``emptied``: the provider may have a value of what is empty now.
    """
    held_profile(scope, person_id)
    marks = {_SEEN} | ({_URGENT} if urgent else set()) | ({_EMPTIED} if emptied else set())
    scope.owed(_write_profiles).setdefault(person_id, set()).update(marks)


def _write_profiles(scope: Scope, changed: dict[int, set[str]]) -> None:
    """{person id: its marks} of those whose profile in the scope is not the one in the table."""
    for person_id in sorted(changed):
        if _SEEN in changed[person_id]:
            profile = scope.profiles[person_id]
            version = profile["version"] + 1
            emptied = version if _EMPTIED in changed[person_id] else profile["emptied_version"]
            scope.profiles[person_id] = {**profile, "version": version, "emptied_version": emptied}
            wishes.wish(scope, "contact", person_id, version, urgent=_URGENT in changed[person_id])
    write_rows(scope.connection, persons, [scope.profiles[person_id] for person_id in sorted(changed)])
    new = sorted(person_id for person_id in changed if _NEW in changed[person_id])
    if new:
        scope.connection.execute(_LOCKS, {"shop_id": scope.shop_id, "ids": new, "machine": scope.machine})


# One may be there already: what happened to somebody new is written before.
_LOCKS = text(
    """
INSERT INTO person_work (shop_id, person_id, pending, since_real)
SELECT :shop_id, id, false, :machine FROM unnest(CAST(:ids AS bigint[])) AS id
ON CONFLICT DO NOTHING
"""
)
