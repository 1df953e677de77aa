"""What the merchant's other systems tell of people: whom it is about, and the fact.

Such a system knows a person by less than the store does and may be wrong, so its word makes nobody one with somebody
else, changes no address and gives no consent. What names nobody is kept without a person; an external id or a visitor
that is bound later brings what was told of it recently along.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from connector import eventlog
from connector.models.person import persons
from connector.scope import Scope
from sync import customers, people

EXTERNAL = "external"
"""The kind of identity by which another system of the merchant's knows somebody."""
VISITOR = "visitor"
"""And by which the store's pages know a browser."""


def whose(scope: Scope, named: Mapping[str, Any]) -> int | None:
    """The person whom these name, whose lock is then held; None when nobody is. The caller holds the shop's NORMALISE
    lock.

    ``named``: customer_id (the store's), external_id, email, visitor_id (may be left out) and phone (E.164), each may
    be None. The first of them, in this order, that somebody is known by decides; the others are not looked at. A
    customer's id or an address that is new makes a person; of the customer the store is asked.
    """
    person_id = _known(scope, named)
    if person_id is None and named["customer_id"] is not None:
        # By the id alone: whose the address is the store will tell.
        person_id = customers.known(scope, named["customer_id"], None)
    if person_id is None and named["email"] is not None:
        # Whoever's browser it is: the address is somebody else's.
        made = people.identify(scope, email=named["email"], profile={"phone": named["phone"]})
        person_id = made.person_id if made else None
    if person_id is None:
        return None
    people.held_profile(scope, person_id)
    if named["external_id"] is not None:
        people.attach(scope, person_id, [(EXTERNAL, named["external_id"])])
    if named.get("visitor_id") is not None:
        people.attach(scope, person_id, [(VISITOR, named["visitor_id"])])
    return person_id


def _known(scope: Scope, named: Mapping[str, Any]) -> int | None:
    address = people.normal_email(named["email"])
    keys = (("customer", named["customer_id"]), (EXTERNAL, named["external_id"]), ("email", address))
    for kind, value in keys:
        if value is not None and (person_id := people.person_of(scope, kind, str(value))) is not None:
            return person_id
    if address is None and named["customer_id"] is None and named.get("visitor_id") is not None:
        person_id = people.person_of(scope, VISITOR, named["visitor_id"])
        if person_id is not None:
            return person_id
    return _by_phone(scope, named["phone"]) if named["phone"] else None


def _by_phone(scope: Scope, phone: str) -> int | None:
    """Whoever alone has this number: of a family's nobody can tell who it was."""
    # A number may be among what this transaction has yet to write.
    scope.pay()
    found = scope.connection.scalars(_HAVING, {"shop_id": scope.shop_id, "phone": phone}).all()
    return found[0] if len(found) == 1 else None


_HAVING = (
    select(persons.c.id)
    .where(persons.c.shop_id == bindparam("shop_id"), persons.c.phone == bindparam("phone"))
    .limit(2)
)


def tell(
    scope: Scope,
    person_id: int | None,
    named: Mapping[str, Any],
    *,
    name: str,
    event_id: str,
    at: datetime,
    props: Mapping[str, Any],
    key: str | None = None,
) -> None:
    """Put down that this happened. ``event_id``: the sender's own, by which it is told once; ``named``: as above;
    ``key``: what it is about besides the person."""
    if person_id is not None:
        subject = f"person:{person_id}"
    elif named["external_id"] is not None:
        subject = f"{EXTERNAL}:{named['external_id']}"
    elif named.get("visitor_id") is not None:
        subject = f"{VISITOR}:{named['visitor_id']}"
    else:
        subject = f"api:{event_id}"
    fact = eventlog.Fact(name, f"api:{event_id}", at, subject, person_id, key, props, source="api")
    eventlog.append(scope, [fact])
