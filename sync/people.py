"""Who is who: identities resolve what the store tells us to one person, and a person's profile is kept current.

An identity is (kind, value): ``customer`` (the store's id), ``email``, ``checkout``, ``cart``, ``order``. The
customer id decides over the email. Every function takes the person's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Text, bindparam, func, join, literal, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from connector import eventlog
from connector.db.schema import Moment
from connector.locks import lock_persons
from connector.models.person import identities, person_work, persons
from connector.scope import Scope
from sync import wishes

# A subject identified later than this after its event starts nothing for it.
LATE_IDENTIFICATION = timedelta(days=7)


def normal_email(address: str | None) -> str | None:
    """The address as identity: trimmed, lower case; None when it cannot be one."""
    value = (address or "").strip().lower()
    return value if "@" in value and " " not in value and len(value) <= 254 else None


@dataclass(frozen=True)
class Identified:
    """The person and whether this call created it."""

    person_id: int
    created: bool


def identify(
    scope: Scope,
    *,
    customer_id: int | None = None,
    email: str | None = None,
    create: bool = True,
    profile: Mapping[str, Any] | None = None,
) -> Identified | None:
    """The person behind a customer id and/or an email, created when unknown; None when nothing names anyone.

    ``profile``: what a created person begins with besides these two.
    """
    address = normal_email(email)
    keys = [("customer", str(customer_id))] if customer_id else []
    if address:
        keys.append(("email", address))
    if not keys:
        return None
    found = _meet(scope, keys)
    person_id = next((found[key] for key in keys if key in found), None)
    if person_id is not None and customer_id and keys[0] not in found:
        # Known by email only. Somebody else's customer record with the same address stays its own person.
        owner = held_profile(scope, person_id)["customer_id"]
        if owner is not None and owner != customer_id:
            person_id = None
    created = person_id is None
    if created:
        if not create:
            return None
        person_id = _create(scope, keys, {"customer_id": customer_id, "email": address, **(profile or {})})
    else:
        attach(scope, person_id, [key for key in keys if key not in found])
    return Identified(person_id, created)


def _meet(scope: Scope, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """{identity: person id} of those that name somebody, whose locks are now held and whose profiles are read."""
    rows = (
        scope.connection.execute(
            _MEET,
            {
                "shop_id": scope.shop_id,
                "kinds": [kind for kind, _ in keys],
                "values": [value for _, value in keys],
            },
        )
        .mappings()
        .all()
    )
    found = {}
    for row in rows:
        profile = dict(row)
        found[profile.pop("kind"), profile.pop("value")] = profile["id"]
        scope.locked.add(profile["id"])
        scope.profiles.setdefault(profile["id"], profile)
    return found


# One after the other, each by its key: with a join the planner may begin with everybody of the shop. The person's lock
# comes before the profile, which is read as it is when both are held.
_MEET = text(
    """
WITH found AS MATERIALIZED (
    SELECT kind, value, (
        SELECT person_id FROM identities
        WHERE shop_id = :shop_id AND identities.kind = named.kind AND identities.value = named.value
    ) AS person_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS named (kind, value)
    ORDER BY person_id
)
SELECT kind, value, person.*
FROM found
CROSS JOIN LATERAL (
    SELECT person_id FROM person_work WHERE shop_id = :shop_id AND person_work.person_id = found.person_id
    LIMIT 1 FOR UPDATE
) AS lock
CROSS JOIN LATERAL (
    SELECT * FROM persons WHERE shop_id = :shop_id AND id = lock.person_id LIMIT 1 FOR UPDATE
) AS person
"""
)


def _create(scope: Scope, keys: Sequence[tuple[str, str]], values: Mapping[str, Any]) -> int:
    # Seeded by the address where there is one: the same whether the account or the checkout was heard of first.
    kind, value = keys[-1]
    given = dict.fromkeys(_GIVEN) | {
        "shop_id": scope.shop_id,
        "seed": uuid5(eventlog.NAMESPACE, f"{scope.shop_id}:{kind}:{value}"),
        "tags": [],
        "orders_count": 0,
        "total_spent": 0,
        "version": 1,
        "created_at": scope.now,
        **values,
    }
    bound = {"kinds": [kind for kind, _ in keys], "values": [value for _, value in keys], "since_real": scope.machine}
    profile = dict(scope.connection.execute(_CREATE, {**given, **bound}).mappings().one())
    person_id = int(profile["id"])
    scope.locked.add(person_id)
    scope.profiles[person_id] = profile
    wishes.wish(scope, "contact", person_id, profile["version"])
    return person_id


_named = (
    func.unnest(bindparam("kinds", type_=ARRAY(Text)), bindparam("values", type_=ARRAY(Text)))
    .table_valued("kind", "value", name="named")
    .render_derived()
)
_GIVEN = tuple(column.name for column in persons.c if column.name != "id")
# The person, its lock and what it is known by in one go: most of what the store tells is about somebody new.
_person = insert(persons).values({name: bindparam(name) for name in _GIVEN}).returning(*persons.c).cte("person")
_lock = (
    insert(person_work)
    .from_select(
        ["shop_id", "person_id", "pending", "since_real"],
        select(_person.c.shop_id, _person.c.id, literal(False), bindparam("since_real", type_=Moment)),
    )
    .cte("lock")
)
_bound = (
    insert(identities)
    .from_select(
        ["shop_id", "kind", "value", "person_id", "since"],
        select(_person.c.shop_id, _named.c.kind, _named.c.value, _person.c.id, _person.c.created_at).select_from(
            join(_person, _named, true())
        ),
    )
    .on_conflict_do_nothing()
    .cte("bound")
)
_CREATE = select(_person).add_cte(_lock, _bound)


def attach(scope: Scope, person_id: int, keys: Sequence[tuple[str, str]]) -> None:
    """Bind these identities (kind, value) to this person, as far as they do not name somebody already.

    A subject (checkout, cart, order) that becomes known this way has its recent events decided.
    """
    if not keys:
        return
    bound = scope.connection.execute(
        _BIND,
        {
            "shop_id": scope.shop_id,
            "person_id": person_id,
            "now": scope.now,
            "kinds": [kind for kind, _ in keys],
            "values": [value for _, value in keys],
        },
    ).all()
    subjects = [f"{row.kind}:{row.value}" for row in bound if row.kind not in ("customer", "email")]
    if subjects:
        eventlog.adopt(scope, subjects, person_id, scope.now - LATE_IDENTIFICATION)


_BIND = text(
    """
INSERT INTO identities (shop_id, kind, value, person_id, since)
SELECT :shop_id, kind, value, :person_id, :now
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS given (kind, value)
ON CONFLICT DO NOTHING
RETURNING kind, value
"""
)


def person_of(scope: Scope, kind: str, value: str) -> int | None:
    """Whom this identity names, if anyone."""
    person_id: int | None = scope.connection.scalar(_NAMED, {"shop_id": scope.shop_id, "kind": kind, "value": value})
    return person_id


_NAMED = select(identities.c.person_id).where(
    identities.c.shop_id == bindparam("shop_id"),
    identities.c.kind == bindparam("kind"),
    identities.c.value == bindparam("value"),
)


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
    visible = {name: pair for name, pair in changed.items() if name != "source_updated_at"}
    if visible:
        touch(scope, person_id)
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
