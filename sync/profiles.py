"""What is known of a person: read once in a transaction, written at its end, and told to the provider when it shows.

Every change takes the person's lock. What changes of an address or a number is compared with other people's
(``sync/conflicts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from connector.locks import lock_persons
from connector.models.person import persons
from connector.scope import Scope
from sync import conflicts, wishes

# What changes without the provider showing it.
_UNSEEN = frozenset({"source_updated_at", "customer_deleted_at"})


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
    scope.owed(_write_profiles).setdefault(person_id, False)
    visible = {name: pair for name, pair in changed.items() if name not in _UNSEEN}
    if visible:
        touch(scope, person_id)
    for kind in changed.keys() & set(conflicts.SHARED):
        old, new = changed[kind]
        if old:
            conflicts.release(scope, kind, old)
        if new:
            conflicts.compare(scope, kind, person_id)
    return visible


def touch(scope: Scope, person_id: int) -> None:
    """Something that the provider shows of this person changed: raise the version and wish for the contact."""
    held_profile(scope, person_id)
    scope.owed(_write_profiles)[person_id] = True


def _write_profiles(scope: Scope, changed: dict[int, bool]) -> None:
    """{person id: whether the provider sees it} of those whose profile in the scope is not the one in the table."""
    for person_id in sorted(person_id for person_id, visible in changed.items() if visible):
        profile = scope.profiles[person_id]
        scope.profiles[person_id] = {**profile, "version": profile["version"] + 1}
        wishes.wish(scope, "contact", person_id, profile["version"] + 1)
    rows = [
        {"person": person_id, **{f"new_{name}": scope.profiles[person_id][name] for name in _CHANGING}}
        for person_id in sorted(changed)
    ]
    scope.connection.execute(_WRITE_PROFILE, [{"shop": scope.shop_id, **row} for row in rows])


_CHANGING = tuple(column.name for column in persons.c if column.name not in ("shop_id", "id", "seed", "created_at"))
# All columns, whichever changed: its text is always the same.
_WRITE_PROFILE = (
    update(persons)
    .where(persons.c.shop_id == bindparam("shop"), persons.c.id == bindparam("person"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
