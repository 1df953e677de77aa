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

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.locks import lock_persons
from connector.models.person import identities, person_work, persons
from connector.scope import Scope
from sync import contacts

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


def _find(scope: Scope, keys: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    rows = scope.connection.execute(
        select(identities.c.kind, identities.c.value, identities.c.person_id).where(
            identities.c.shop_id == scope.shop_id,
            identities.c.kind.in_([kind for kind, _ in keys]),
            identities.c.value.in_([value for _, value in keys]),
        )
    )
    found = {(row.kind, row.value): row.person_id for row in rows}
    return {key: found[key] for key in keys if key in found}


def identify(
    scope: Scope, *, customer_id: int | None = None, email: str | None = None, create: bool = True
) -> Identified | None:
    """The person behind a customer id and/or an email, created when unknown; None when nothing names anyone."""
    address = normal_email(email)
    keys = [("customer", str(customer_id))] if customer_id else []
    if address:
        keys.append(("email", address))
    if not keys:
        return None
    found = _find(scope, keys)
    person_id = next((found[key] for key in keys if key in found), None)
    if person_id is not None and customer_id and keys[0] not in found:
        # Known by email only. Somebody else's customer record with the same address stays its own person.
        owner = _profile(scope, person_id)["customer_id"]
        if owner is not None and owner != customer_id:
            person_id = None
    created = person_id is None
    if created:
        if not create:
            return None
        # Seeded by the address where there is one: the same whether the account or the checkout was heard of first.
        person_id = _create(scope, keys[-1], customer_id, address)
    assert person_id is not None
    lock_persons(scope, [person_id])
    attach(scope, person_id, [key for key in keys if key not in found])
    return Identified(person_id, created)


def _create(scope: Scope, key: tuple[str, str], customer_id: int | None, email: str | None) -> int:
    seed = uuid5(eventlog.NAMESPACE, f"{scope.shop_id}:{key[0]}:{key[1]}")
    person_id = scope.connection.execute(
        insert(persons)
        .values(
            shop_id=scope.shop_id,
            seed=seed,
            customer_id=customer_id,
            email=email,
            tags=[],
            orders_count=0,
            total_spent=0,
            version=0,
            created_at=scope.now,
        )
        .returning(persons.c.id)
    ).scalar_one()
    scope.connection.execute(
        insert(person_work).values(shop_id=scope.shop_id, person_id=person_id, pending=False, since_real=scope.machine)
    )
    return int(person_id)


def attach(scope: Scope, person_id: int, keys: Sequence[tuple[str, str]]) -> None:
    """Bind these identities (kind, value) to this person, as far as they do not name somebody already.

    A subject (checkout, cart, order) that becomes known this way has its recent events decided.
    """
    if not keys:
        return
    rows = [
        {"shop_id": scope.shop_id, "kind": kind, "value": value, "person_id": person_id, "since": scope.now}
        for kind, value in keys
    ]
    bound = scope.connection.execute(
        insert(identities).values(rows).on_conflict_do_nothing().returning(identities.c.kind, identities.c.value)
    ).all()
    subjects = [f"{row.kind}:{row.value}" for row in bound if row.kind not in ("customer", "email")]
    if subjects:
        eventlog.adopt(scope, subjects, person_id, scope.now - LATE_IDENTIFICATION)


def person_of(scope: Scope, kind: str, value: str) -> int | None:
    """Whom this identity names, if anyone."""
    return _find(scope, [(kind, value)]).get((kind, value))


def _profile(scope: Scope, person_id: int) -> RowMapping:
    return (
        scope.connection.execute(select(persons).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id))
        .mappings()
        .one()
    )


def update_profile(scope: Scope, person_id: int, values: Mapping[str, Any], *, wish: bool = True) -> dict[str, Any]:
    """Write what changed; a real change raises the version and wishes for the contact at the provider.

    Returns {field: [old, new]} of what changed.
    """
    current = _profile(scope, person_id)
    changed = {name: [current[name], value] for name, value in values.items() if current[name] != value}
    visible = {name: pair for name, pair in changed.items() if name != "source_updated_at"}
    if not changed:
        return {}
    fields = {name: pair[1] for name, pair in changed.items()}
    if visible:
        fields["version"] = current["version"] + 1
    scope.connection.execute(
        update(persons).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id).values(**fields)
    )
    if visible and wish:
        wish_contact(scope, person_id, fields["version"])
    return visible


def touch(scope: Scope, person_id: int) -> None:
    """Something that the provider shows of this person changed outside the profile (consent)."""
    version = scope.connection.execute(
        update(persons)
        .where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id)
        .values(version=persons.c.version + 1)
        .returning(persons.c.version)
    ).scalar_one()
    wish_contact(scope, person_id, version)


def wish_contact(scope: Scope, person_id: int, version: int) -> None:
    contacts.wish(
        scope.connection,
        scope.shop_id,
        person_id,
        version,
        machine_now=scope.machine,
        coalesce_seconds=scope.settings.contact_coalesce_seconds,
    )
    scope.bells.add("sync")
