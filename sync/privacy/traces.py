"""By what somebody is known in one shop: our numbers of the person, and the names that bodies may carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from sync.privacy.names import Name, digits


@dataclass(frozen=True)
class Named:
    """Whom a request names, as the platform tells it. ``orders``: the store's ids."""

    customer_id: int | None = None
    email: str | None = None
    phone: str | None = None
    orders: tuple[int, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Named:
        orders = tuple(stored.get("orders") or ())
        return cls(stored.get("customer_id"), stored.get("email"), stored.get("phone"), orders)

    def as_json(self) -> dict[str, Any]:
        return {
            "customer_id": self.customer_id,
            "email": self.email,
            "phone": self.phone,
            "orders": list(self.orders),
        }


@dataclass(frozen=True)
class Traces:
    """``persons``: the person and those who were merged into it. ``names``: see ``sync.privacy.names``; a number that
    somebody else of the shop has too is not among them."""

    persons: tuple[int, ...] = ()
    names: frozenset[Name] = field(default_factory=frozenset)

    def values(self, kind: str) -> list[str]:
        return sorted(value for one, value in self.names if one == kind)

    def parameters(self) -> dict[str, Any]:
        """What the conditions of the field map ask for."""
        return {
            "persons": list(self.persons),
            "customers": [int(value) for value in self.values("customer") if value.isdecimal()],
            "orders": [int(value) for value in self.values("order") if value.isdecimal()],
            "checkouts": self.values("checkout"),
            "carts": self.values("cart"),
            "emails": self.values("email"),
            "subjects": sorted(f"{kind}:{value}" for kind, value in self.names if kind not in ("email", "phone"))
            + [f"person:{one}" for one in self.persons],
        }


def person_named(connection: Connection, shop_id: int, named: Named) -> int | None:
    """The person whom a request is about: by the customer id, else by the address of somebody without one."""
    found: int | None = connection.scalar(
        _PERSON,
        {
            "shop_id": shop_id,
            "customer": None if named.customer_id is None else str(named.customer_id),
            "email": (named.email or "").strip().lower() or None,
        },
    )
    return found


_PERSON = text(
    """
SELECT person_id FROM (
    SELECT person_id, 1 AS place FROM identities
    WHERE shop_id = :shop_id AND kind = 'customer' AND value = CAST(:customer AS text)
    UNION ALL
    SELECT identities.person_id, 2 FROM identities
    JOIN persons ON persons.shop_id = identities.shop_id AND persons.id = identities.person_id
    WHERE identities.shop_id = :shop_id AND kind = 'email' AND value = CAST(:email AS text)
        AND (persons.customer_id IS NULL OR CAST(:customer AS text) IS NULL)
) AS found
ORDER BY place LIMIT 1
"""
)


def of_person(connection: Connection, shop_id: int, person_id: int | None, named: Named | None = None) -> Traces:
    """Everything by which this person is known here; ``named``: what a request adds to it."""
    asked = named or Named()
    persons = _with_merged(connection, shop_id, person_id)
    given = {"shop_id": shop_id, "persons": persons}
    names: set[Name] = {(row.kind, row.value) for row in connection.execute(_NAMES, given) if row.value}
    names = {(kind, digits(value) if kind == "phone" else value) for kind, value in names}
    if asked.customer_id is not None:
        names.add(("customer", str(asked.customer_id)))
    names |= {("order", str(one)) for one in asked.orders}
    if asked.email and "@" in asked.email:
        names.add(("email", asked.email.strip().lower()))
    if asked.phone and digits(asked.phone):
        names.add(("phone", digits(asked.phone)))
    return Traces(tuple(persons), frozenset(names - _of_others(connection, shop_id, persons, names)))


def _with_merged(connection: Connection, shop_id: int, person_id: int | None) -> list[int]:
    if person_id is None:
        return []
    return sorted(connection.scalars(_MERGED, {"shop_id": shop_id, "person": person_id}))


_MERGED = text(
    """
WITH RECURSIVE same AS (
    SELECT CAST(:person AS bigint) AS id
    UNION
    SELECT persons.id FROM persons JOIN same ON persons.merged_into = same.id WHERE persons.shop_id = :shop_id
)
SELECT id FROM same
"""
)

_NAMES = text(
    """
SELECT 'customer' AS kind, customer_id::text AS value FROM persons
WHERE shop_id = :shop_id AND id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'email', email FROM persons WHERE shop_id = :shop_id AND id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'phone', phone FROM persons WHERE shop_id = :shop_id AND id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'email', email FROM left_contacts WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
UNION SELECT kind, value FROM identities WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'checkout', token FROM checkouts
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'cart', cart_token FROM checkouts
WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'order', id::text FROM orders WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
UNION SELECT 'cart', cart_token FROM orders WHERE shop_id = :shop_id AND person_id = ANY(CAST(:persons AS bigint[]))
"""
)


def _of_others(connection: Connection, shop_id: int, persons: Sequence[int], names: set[Name]) -> set[Name]:
    """Which of these are somebody else's too: an address that another person is known by, a shared telephone."""
    emails = [value for kind, value in names if kind == "email"]
    phones = [value for kind, value in names if kind == "phone"]
    given = {"shop_id": shop_id, "persons": list(persons), "emails": emails, "phones": phones}
    return {(row.kind, row.value) for row in connection.execute(_OTHERS, given)}


_OTHERS = text(
    r"""
SELECT kind, value FROM identities
WHERE shop_id = :shop_id AND kind = 'email' AND value = ANY(CAST(:emails AS text[]))
    AND NOT person_id = ANY(CAST(:persons AS bigint[]))
UNION
SELECT 'phone', number FROM (
    SELECT regexp_replace(phone, '\D', '', 'g') AS number FROM persons
    WHERE shop_id = :shop_id AND phone IS NOT NULL AND cardinality(CAST(:phones AS text[])) > 0
        AND NOT id = ANY(CAST(:persons AS bigint[]))
) AS others WHERE number = ANY(CAST(:phones AS text[]))
"""
)
