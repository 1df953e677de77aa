"""People for the eyes of staff: finding one, and all that is known of one. Reads only; every query names the shop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import phonenumbers
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, func, not_, or_, select, text

from connector.models.coupon import coupons
from connector.models.flow import runs
from connector.models.identity import identity_conflicts, person_merges
from connector.models.outbox import outbox
from connector.models.person import consent_ledger, consents, identities, persons, suppressions
from connector.models.store import orders
from connector.models.sync import sync_state
from connector.shops import Shop
from connector.suppression import address_digest
from flows.engine import story

MOST_FOUND = 25
_MOST_LISTED = 50
_MOST_TOLD = 200
# A search by what is in the middle of a name reads all people of a shop: it must not hold the database for long.
_PATIENCE = "3s"


@dataclass(frozen=True)
class Found:
    """One hit of a search. ``by``: what the text was found as."""

    id: int
    email: str | None
    phone: str | None
    name: str
    orders_count: int
    by: str


def search(connection: Connection, shop: Shop, wanted: str) -> list[Found]:
    """People of this shop by email, telephone number, name or the number of an order; exact hits come first."""
    wanted = wanted.strip()
    if not wanted:
        return []
    connection.execute(text(f"SET LOCAL statement_timeout = '{_PATIENCE}'"))
    hits: dict[int, Found] = {}
    for by, query in _ways(shop, wanted):
        if by == _MIDDLE and hits:
            break
        for row in connection.execute(query.limit(MOST_FOUND)):
            hits.setdefault(row.id, _found(row, by))
        if by == "order" and hits:
            # An order's number is meant as one, also where it is part of something else.
            break
    return list(hits.values())[:MOST_FOUND]


def _ways(shop: Shop, wanted: str) -> list[tuple[str, Select[Any]]]:
    people = select(persons).where(persons.c.shop_id == shop.id, persons.c.erased_at.is_(None)).order_by(persons.c.id)
    known = select(identities.c.person_id).where(identities.c.shop_id == shop.id)
    ways = []
    if number := re.fullmatch(r"#?\s*([\w-]{1,40})", wanted):
        names = [wanted, f"#{number[1]}", number[1]]
        called: list[ColumnElement[bool]] = [orders.c.name.in_(names)]
        if number[1].isdecimal() and len(number[1]) < 19:
            called.append(orders.c.id == int(number[1]))
        placed = select(orders.c.person_id).where(orders.c.shop_id == shop.id, or_(*called))
        ways.append(("order", people.where(persons.c.id.in_(placed))))
    if "@" in wanted:
        address = wanted.lower()
        named = known.where(identities.c.kind == "email", identities.c.value == address)
        ways.append(("email", people.where(or_(persons.c.email == address, persons.c.id.in_(named)))))
    if number_of := _telephone(wanted, shop):
        named = known.where(identities.c.kind == "phone", identities.c.value == number_of)
        ways.append(("telephone", people.where(or_(persons.c.phone == number_of, persons.c.id.in_(named)))))
    # By indexes: each word begins a name.
    names = [or_(*(_begins(column, word) for column in _NAMES)) for word in wanted.split()]
    ways.append(("name", people.where(*names)))
    if "@" not in wanted:
        ways.append(("email", people.where(_begins(persons.c.email, wanted))))
    whole = func.concat_ws(" ", *_NAMES)
    ways.append((_MIDDLE, people.where(whole.icontains(wanted, autoescape=True))))
    return ways


_NAMES = (persons.c.first_name, persons.c.last_name)
_MIDDLE = "part of a name"
"""Looked for only when nothing else is found."""


def _begins(column: Column[Any], wanted: str) -> ColumnElement[bool]:
    return func.lower(column).startswith(wanted.lower(), autoescape=True)


def _telephone(wanted: str, shop: Shop) -> str | None:
    """The number as it is stored, whichever way it was written; national ones as in the shop's own country."""
    if sum(one.isdigit() for one in wanted) < 6:
        return None
    region = shop.settings["country"] or shop.settings["locale"].partition("-")[2].upper() or None
    try:
        number = phonenumbers.parse(wanted, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _found(row: Row[Any], by: str) -> Found:
    return Found(row.id, row.email, row.phone, _name(row), row.orders_count, by)


def _name(row: Row[Any]) -> str:
    return " ".join(part for part in (row.first_name, row.last_name) if part)


def is_there(connection: Connection, shop_id: int, person_id: int) -> bool:
    """Whether this shop has that person."""
    query = select(persons.c.id).where(persons.c.shop_id == shop_id, persons.c.id == person_id)
    return connection.scalar(query) is not None


@dataclass(frozen=True)
class Person:
    """All that the person's page shows. Rows are those of their tables; ``runs`` live ones first, lists newest first.

    ``copies``: what Brevo has been told of, by kind; ``suppressed``: (channel, reason, since) of their addresses.
    """

    profile: Row[Any]
    name: str
    merges: Sequence[Row[Any]]
    conflicts: Sequence[Row[Any]]
    identities: Sequence[Row[Any]]
    consents: Sequence[Row[Any]]
    ledger: Sequence[Row[Any]]
    suppressed: Sequence[tuple[str, str, datetime]]
    orders: Sequence[Row[Any]]
    messages: Sequence[Row[Any]]
    coupons: Sequence[Row[Any]]
    runs: Sequence[Row[Any]]
    copies: Sequence[Row[Any]]
    timeline: Sequence[story.Line]
    untold: int


def read(connection: Connection, shop: Shop, person_id: int) -> Person | None:
    """This person of this shop; None when there is none."""
    own = persons.c.shop_id == shop.id
    profile = connection.execute(select(persons).where(own, persons.c.id == person_id)).first()
    if profile is None:
        return None
    lines = story.tell(connection, shop.id, person_id)

    def theirs(table: Any, *order: Any, but: Any = None, most: int = _MOST_LISTED) -> Sequence[Row[Any]]:
        query = select(table).where(table.c.shop_id == shop.id, table.c.person_id == person_id)
        if but is not None:
            query = query.where(not_(but))
        return connection.execute(query.order_by(*order).limit(most)).all()

    return Person(
        profile=profile,
        name=_name(profile),
        merges=theirs(person_merges, person_merges.c.id.desc()),
        conflicts=_conflicts(connection, shop, person_id),
        identities=theirs(identities, identities.c.kind, identities.c.value),
        consents=theirs(consents, consents.c.channel, consents.c.purpose),
        ledger=theirs(consent_ledger, consent_ledger.c.id.desc()),
        suppressed=_suppressed(connection, shop, profile),
        orders=theirs(orders, orders.c.created_at.desc()),
        messages=theirs(outbox, outbox.c.id.desc(), but=outbox.c.message == ""),
        coupons=theirs(coupons, coupons.c.id.desc(), but=coupons.c.state != "made"),
        runs=theirs(runs, (runs.c.state == "live").desc(), runs.c.entered_at.desc()),
        copies=_copies(connection, shop, person_id),
        timeline=lines[::-1][:_MOST_TOLD],
        untold=max(0, len(lines) - _MOST_TOLD),
    )


def _conflicts(connection: Connection, shop: Shop, person_id: int) -> Sequence[Row[Any]]:
    """What contradicts between this person and another, the open ones first."""
    table = identity_conflicts
    concerned = or_(table.c.person_id == person_id, table.c.other_id == person_id)
    query = select(table).where(table.c.shop_id == shop.id, concerned)
    return connection.execute(query.order_by(table.c.resolved_at.nulls_first(), table.c.id.desc())).all()


def _suppressed(connection: Connection, shop: Shop, profile: Row[Any]) -> list[tuple[str, str, datetime]]:
    addresses = [address for address in (profile.email, profile.phone) if address]
    rows = connection.execute(
        select(suppressions).where(
            suppressions.c.shop_id == shop.id,
            suppressions.c.address_digest.in_([address_digest(shop.salt, one) for one in addresses]),
        )
    )
    return [(row.channel, row.reason, row.since) for row in rows]


def _copies(connection: Connection, shop: Shop, person_id: int) -> Sequence[Row[Any]]:
    query = select(sync_state).where(
        sync_state.c.shop_id == shop.id,
        sync_state.c.entity.in_(("contact", "events")),
        sync_state.c.entity_id == person_id,
    )
    return connection.execute(query.order_by(sync_state.c.entity)).all()
