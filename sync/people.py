"""Who is who: identities resolve what the store tells us to one person.

An identity is (kind, value): ``customer`` (the store's id), ``email``, ``checkout``, ``cart``, ``order``,
``draft_order``, ``external`` and ``visitor`` (``sync.outside``). Every function takes the person's lock.

* The customer id decides over the email. A guest with a customer's own address is that customer: the two are merged.
* A customer record with the address of another one stays a person of its own, and the address goes on naming the one
  that had it; ``sync.conflicts`` shows it.
* Somebody's old address goes on naming them, also when their record has a new one, until another customer record has
  it. Consent is the person's and does not change with the address; a bounce is the address's (``suppressions``).
* The ids of customers whom the store merged away or deleted go on naming the person too. ``persons.customer_id`` is the
  customer that it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Text, bindparam, func, join, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY, insert

from connector import eventlog
from connector.db.rows import among
from connector.db.schema import Moment
from connector.models.person import identities, person_work, persons
from connector.models.survey import address_opt_outs as opt_outs
from connector.scope import Scope
from sync import address_opt_outs, conflicts, merging, profiles, wishes
from sync.profiles import held_profile, touch

__all__ = [
    "Identified", "attach", "held_profile", "identify", "normal_email", "person_of", "touch", "update_profile",
]  # fmt: skip

Key = tuple[str, str]
"""An identity: kind and value."""

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

    ``email``: of a customer, the address of its record and not one that was merely typed. ``profile``: what a created
    person begins with besides these two.
    """
    address = normal_email(email)
    keys = [("customer", str(customer_id))] if customer_id else []
    if address:
        keys.append(("email", address))
    if not keys:
        return None
    found = _met(scope, keys)
    by_customer = found.get(keys[0]) if customer_id else None
    by_address = named = found.get(("email", address)) if address else None
    if named is not None and named != by_customer and customer_id:
        by_address = _of_customer(scope, named, customer_id, address)
    if by_customer is not None and by_address is not None and by_customer != by_address:
        by_customer = merging.merge(scope, by_customer, by_address, reason="same_address")
    person_id = by_customer if by_customer is not None else by_address
    if person_id is None:
        if not create:
            return None
        created = _create(scope, keys, {"customer_id": customer_id, "email": address, **(profile or {})})
        if named is not None:
            conflicts.compare(scope, "email", created)
        return Identified(created, True)
    attach(scope, person_id, [key for key in keys if found.get(key) != person_id])
    if named is not None and by_address is None:
        conflicts.compare(scope, "email", person_id)
    values: dict[str, Any] = {}
    if customer_id and by_customer is None:
        values = {"customer_id": customer_id, "customer_deleted_at": None}
    if address and held_profile(scope, person_id)["email"] is None:
        values["email"] = address
    if values:
        update_profile(scope, person_id, values)
    return Identified(person_id, False)


def _of_customer(scope: Scope, named: int, customer_id: int, address: str | None) -> int | None:
    """The one whom a customer's address names, if it may be that customer; None when it is another one.

    Another one's old address is let go: it will name this customer.
    """
    profile = held_profile(scope, named)
    if profile["customer_id"] in (None, customer_id):
        return named
    if profile["email"] != address:
        scope.settle(_bind_owed)
        scope.connection.execute(_RELEASE, {"shop_id": scope.shop_id, "address": address})
        _learn(scope, [("email", address or "")], None)
    return None


_RELEASE = text("DELETE FROM identities WHERE shop_id = :shop_id AND kind = 'email' AND value = :address")


def _met(scope: Scope, keys: Sequence[Key]) -> dict[Key, int]:
    """{identity: person id} of those that name somebody, whose locks are now held and whose profiles are read."""
    known = scope.ahead.identities
    found = {key: person_id for key in keys if (person_id := known.get(key)) is not None}
    unread = [key for key in keys if key not in known]
    return {**found, **_meet(scope, unread)} if unread else found


def _learn(scope: Scope, keys: Iterable[Key], person_id: int | None) -> None:
    """What was read ahead of these identities is this now."""
    for key in keys:
        if key in scope.ahead.identities:
            scope.ahead.identities[key] = person_id


def _meet(scope: Scope, keys: Sequence[Key]) -> dict[Key, int]:
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


def _create(scope: Scope, keys: Sequence[Key], values: Mapping[str, Any]) -> int:
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
    addresses = given["email"], given["phone"]
    if all(key in scope.ahead.identities for key in keys):
        return _create_later(scope, keys, given)
    bound = {
        "kinds": [kind for kind, _ in keys],
        "values": [value for _, value in keys],
        "since_real": scope.machine,
        "digests": address_opt_outs.digests(scope.shop.salt, addresses),
    }
    profile = dict(scope.connection.execute(_CREATE, {**given, **bound}).mappings().one())
    opted_out = profile.pop("opted_out")
    person_id = int(profile["id"])
    scope.locked.add(person_id)
    scope.profiles[person_id] = profile
    _learn(scope, [key for key in keys if scope.ahead.identities.get(key) is None], person_id)
    wishes.wish(scope, "contact", person_id, profile["version"])
    if profile["phone"]:
        conflicts.compare(scope, "phone", person_id)
    if opted_out:
        address_opt_outs.meet(scope, person_id, addresses)
    return person_id


def _create_later(scope: Scope, keys: Sequence[Key], given: Mapping[str, Any]) -> int:
    """Written at the end of the transaction, because it was read ahead that nobody is known by these."""
    person_id = scope.number(persons)
    scope.ahead.evidence[person_id] = {}
    profiles.add(scope, {"id": person_id, **given})
    _bind_later(scope, person_id, [key for key in keys if scope.ahead.identities[key] is None])
    wishes.wish(scope, "contact", person_id, given["version"])
    if given["phone"]:
        conflicts.compare(scope, "phone", person_id)
    address_opt_outs.meet(scope, person_id, (given["email"], given["phone"]))
    return person_id


def update_profile(scope: Scope, person_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write what changed, as ``sync.profiles`` does; with an address or number comes what was told of it before."""
    changed = profiles.update_profile(scope, person_id, values)
    addresses = [changed[kind][1] for kind in conflicts.SHARED if kind in changed]
    if any(addresses):
        address_opt_outs.meet(scope, person_id, addresses)
    return changed


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
# Whether something was told of their addresses before is asked in the same go: it nearly never was.
_opted_out = (
    select(opt_outs.c.channel)
    .where(opt_outs.c.shop_id == bindparam("shop_id"), among(opt_outs.c.address_digest, "digests"))
    .exists()
    .label("opted_out")
)
_CREATE = select(_person, _opted_out).add_cte(_lock, _bound)


def attach(scope: Scope, person_id: int, keys: Sequence[Key]) -> None:
    """Bind these identities (kind, value) to this person, as far as they do not name somebody already.

    A subject (checkout, cart, order) that becomes known this way has its recent events decided.
    """
    read = scope.ahead.identities
    free = [key for key in keys if key in read and read[key] is None]
    _bind_later(scope, person_id, free)
    bound = [*free, *_bind(scope, {key: person_id for key in keys if key not in read})]
    subjects = [f"{kind}:{value}" for kind, value in bound if kind not in ("customer", "email")]
    if subjects:
        eventlog.adopt(scope, subjects, person_id, scope.now - LATE_IDENTIFICATION)


def _bind_later(scope: Scope, person_id: int, keys: Sequence[Key]) -> None:
    """Bind these, which were read ahead and name nobody, at the end of the transaction."""
    if keys:
        scope.owed(_bind_owed).update(dict.fromkeys(keys, person_id))
        _learn(scope, keys, person_id)


def _bind_owed(scope: Scope, given: dict[Key, int]) -> None:
    _bind(scope, given)


def _bind(scope: Scope, given: Mapping[Key, int]) -> list[Key]:
    """Bind each of these to its person, as far as it does not name somebody already; returns what was bound."""
    if not given:
        return []
    keys = sorted(given)
    rows = scope.connection.execute(
        _BIND,
        {
            "shop_id": scope.shop_id,
            "now": scope.now,
            "kinds": [kind for kind, _ in keys],
            "values": [value for _, value in keys],
            "person_ids": [given[key] for key in keys],
        },
    )
    return [(row.kind, row.value) for row in rows]


_BIND = text(
    """
INSERT INTO identities (shop_id, kind, value, person_id, since)
SELECT :shop_id, kind, value, person_id, :now
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:person_ids AS bigint[]))
    AS given (kind, value, person_id)
ON CONFLICT DO NOTHING
RETURNING kind, value
"""
)


def person_of(scope: Scope, kind: str, value: str) -> int | None:
    """Whom this identity names, if anyone."""
    if (kind, value) in scope.ahead.identities:
        return scope.ahead.identities[kind, value]
    person_id: int | None = scope.connection.scalar(_NAMED, {"shop_id": scope.shop_id, "kind": kind, "value": value})
    return person_id


def known_by(scope: Scope, person_id: int, email: str | None) -> bool:
    """Whether an address that somebody typed is this person's: the one that they have, or one that names them."""
    typed = normal_email(email)
    if typed is None:
        return False
    return held_profile(scope, person_id)["email"] == typed or person_of(scope, "email", typed) == person_id


_NAMED = select(identities.c.person_id).where(
    identities.c.shop_id == bindparam("shop_id"),
    identities.c.kind == bindparam("kind"),
    identities.c.value == bindparam("value"),
)
