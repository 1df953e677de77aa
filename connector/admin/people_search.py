"""Finding people: by email, telephone number, name or the number of an order, and the newest without any of it.

Every way is a read of an index that ends with the page: nothing here looks through all people of a shop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, text

from connector import paging
from connector.models.person import identities, last_word, persons, several_words
from connector.models.store import orders
from connector.shops import Shop

MOST_FOUND = 25
# A belt: what is asked for below is read from indexes.
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


def newest(connection: Connection, shop: Shop, after: str | None) -> paging.Page[Found]:
    """The people who became known last. Raises InvalidInput for a cursor that is none of ours."""
    query = _people(shop).order_by(persons.c.id.desc()).limit(paging.SIZE + 1)
    if key := paging.after(after, int):
        query = query.where(persons.c.id < key[0])
    rows = [_found(row, "") for row in connection.execute(query)]
    return paging.page(rows, lambda one: (one.id,))


def search(connection: Connection, shop: Shop, wanted: str) -> list[Found]:
    """People of this shop by email, telephone number, name or the number of an order; exact hits come first."""
    wanted = " ".join(wanted.split())
    if not wanted:
        return []
    connection.execute(text(f"SET LOCAL statement_timeout = '{_PATIENCE}'"))
    hits: dict[int, Found] = {}
    for by, query in _ways(shop, wanted):
        for row in connection.execute(query.limit(MOST_FOUND)):
            hits.setdefault(row.id, _found(row, by))
        if len(hits) >= MOST_FOUND or (by == "order" and hits):
            # An order's number is meant as one, also where it is part of something else.
            break
    return list(hits.values())[:MOST_FOUND]


def _people(shop: Shop) -> Select[Any]:
    return select(persons).where(
        persons.c.shop_id == shop.id, persons.c.erased_at.is_(None), persons.c.merged_into.is_(None)
    )


def _ways(shop: Shop, wanted: str) -> list[tuple[str, Select[Any]]]:
    people = _people(shop)
    known = select(identities.c.person_id).where(identities.c.shop_id == shop.id)
    ways = []
    if number := re.fullmatch(r"#?\s*([\w-]{1,40})", wanted):
        placed = select(orders.c.person_id).where(orders.c.shop_id == shop.id)
        names = [wanted, f"#{number[1]}", number[1]]
        ways.append(("order", people.where(persons.c.id.in_(placed.where(orders.c.name.in_(names))))))
        if number[1].isdecimal() and len(number[1]) < 19:
            ways.append(("order", people.where(persons.c.id.in_(placed.where(orders.c.id == int(number[1]))))))
    if "@" in wanted:
        address = wanted.lower()
        named = known.where(identities.c.kind == "email", identities.c.value == address)
        ways += [("email", people.where(persons.c.email == address)), ("email", people.where(persons.c.id.in_(named)))]
    if number_of := _telephone(wanted, shop):
        named = known.where(identities.c.kind == "phone", identities.c.value == number_of)
        ways.append(("telephone", people.where(persons.c.phone == number_of)))
        ways.append(("telephone", people.where(persons.c.id.in_(named))))
    words = wanted.split()
    if len(words) == 1:
        # In the order of each index, so that it ends after a page however many begin so.
        ways += [("name", _in_order(people, one, wanted)) for one in _NAMES]
        if "@" not in wanted:
            ways.append(("email", _in_order(people, _EMAIL, wanted)))
    else:
        ways.append(("name", people.where(*(or_(*(_begins(one, word) for one in _NAMES)) for word in words))))
    return ways


@dataclass(frozen=True)
class _Indexed:
    """What an index in ``connector.models.person`` holds, and of which rows; None: of all."""

    what: ColumnElement[Any]
    of: ColumnElement[bool] | None = None


_EMAIL = _Indexed(func.lower(persons.c.email))
_NAMES = (
    _Indexed(func.lower(persons.c.last_name)),
    _Indexed(func.lower(persons.c.first_name)),
    _Indexed(last_word(persons.c.last_name), several_words(persons.c.last_name)),
    _Indexed(last_word(persons.c.first_name), several_words(persons.c.first_name)),
)


def _begins(one: _Indexed, wanted: str) -> ColumnElement[bool]:
    begins = one.what.startswith(wanted.lower(), autoescape=True)
    return begins if one.of is None else and_(one.of, begins)


def _in_order(people: Select[Any], one: _Indexed, wanted: str) -> Select[Any]:
    # The order of text_pattern_ops, whatever the database's own is.
    return people.where(_begins(one, wanted)).order_by(one.what.op("USING ~<~")(text("")))


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
    name = " ".join(part for part in (row.first_name, row.last_name) if part)
    return Found(row.id, row.email, row.phone, name, row.orders_count, by)
