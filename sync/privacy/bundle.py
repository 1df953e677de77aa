"""Everything that is stored of one person, and nothing of anybody else, as JSON values and as files."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from connector.sent_contents import opened
from connector.shops import Shop
from sync.privacy import deliveries, rows, traces
from sync.privacy.names import digits
from sync.privacy.traces import Named, Traces

Bundle = dict[str, Any]
"""{shop, person_ids, tables: {table: [{column: JSON value}]}, deliveries: [{id, topic, received_at, bodies}]}"""

_EMAIL = re.compile(r"[^@\s<>\"'(),;:]+@[^@\s<>\"'(),;:]+")
_SOMEBODY_ELSE = "[somebody else]"


def export(connection: Connection, shop: Shop, person_id: int | None, named: Named | None = None) -> Bundle:
    """The bundle of this person. ``named``: by what else the person is known to who asks."""
    mine = traces.of_person(connection, shop.id, person_id, named)
    return put_together(connection, shop, mine, list(_deliveries(connection, shop, mine)))


def put_together(connection: Connection, shop: Shop, mine: Traces, stored: list[dict[str, Any]]) -> Bundle:
    """The bundle, with what deliveries say of the person (``of_deliveries``)."""
    tables = {
        name: [{str(column): _readable(name, value) for column, value in row.items()} for row in found]
        for name, found in rows.read(connection, shop.id, mine).items()
    }
    others = _Others(connection, shop.id, mine, [tables, stored])
    return {
        "shop": shop.domain,
        "person_ids": list(mine.persons),
        "tables": others.masked(tables),
        "deliveries": others.masked(stored),
    }


def _deliveries(connection: Connection, shop: Shop, mine: Traces) -> Iterator[dict[str, Any]]:
    search = deliveries.Search(mine.names)
    top, number = deliveries.newest(connection, shop.id), 0
    while batch := deliveries.after(connection, shop.id, number, top):
        number = batch[-1].id
        yield from of_deliveries(search, batch)


def of_deliveries(search: deliveries.Search, batch: Iterable[deliveries.Row]) -> Iterator[dict[str, Any]]:
    """What arrived about the person, as it arrived; of a delivery about several, the part about the person."""
    for row in batch:
        if not row.raw or not search.holds(row.raw):
            continue
        entries = search.entries(row)
        about = [entry for entry in entries or () if search.about(row.topic, entry)]
        told = {"id": row.id, "source": row.source, "topic": row.topic, "state": row.state}
        if about:
            yield {**told, "received_at": _plain(row.received_at), "bodies": about}
        elif entries is None and search.telling(row.raw):
            yield {**told, "received_at": _plain(row.received_at), "unreadable": _plain(row.raw)}


def _readable(table: str, value: Any) -> Any:
    if table == "message_contents" and isinstance(value, bytes | memoryview):
        return opened(bytes(value)) or _plain(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    """As JSON has it: moments in ISO 8601, amounts as text, bytes as text where they are some."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(raw).decode()
    return value


class _Others:
    """Other people of the shop whose addresses stand in what is this person's: in an order that names two, say.

    Their address, name and number are masked wherever they stand, unless they are the person's own too.
    """

    def __init__(self, connection: Connection, shop_id: int, mine: Traces, values: Any) -> None:
        own = set(mine.values("email"))
        emails = {found.lower() for said in _texts(values) for found in _EMAIL.findall(said)} - own
        asked = {"shop_id": shop_id, "emails": sorted(emails), "persons": list(mine.persons)}
        found = connection.execute(_OTHERS, asked).all() if emails else []
        self._emails = {row.value for row in found}
        self._own_numbers = set(mine.values("phone"))
        self._numbers = {digits(row.phone) for row in found if row.phone} - {""}
        self._names = {name for row in found for name in _names_of(row)} - {
            name for row in connection.execute(_OWN, asked) for name in _names_of(row)
        }

    def masked(self, value: Any) -> Any:
        if not self._emails:
            return value
        if isinstance(value, Mapping):
            return {key: self.masked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.masked(inner) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, said: str) -> str:
        if said in self._names:
            return _SOMEBODY_ELSE
        number = digits(said) if len(said) < 32 else ""
        if number in self._numbers and number not in self._own_numbers:
            return _SOMEBODY_ELSE
        return _EMAIL.sub(lambda one: _SOMEBODY_ELSE if one[0].lower() in self._emails else one[0], said)


_PROFILE = "persons.phone, persons.first_name, persons.last_name"
_OTHERS = text(
    f"""
SELECT identities.value, {_PROFILE} FROM identities
JOIN persons ON persons.shop_id = identities.shop_id AND persons.id = identities.person_id
WHERE identities.shop_id = :shop_id AND identities.kind = 'email' AND identities.value = ANY(CAST(:emails AS text[]))
    AND NOT identities.person_id = ANY(CAST(:persons AS bigint[]))
"""  # noqa: S608  of this module's own words only
)
_OWN = text(
    f"SELECT {_PROFILE} FROM persons WHERE shop_id = :shop_id AND id = ANY(CAST(:persons AS bigint[]))"  # noqa: S608
)


def _names_of(row: Any) -> set[str]:
    parts = [part for part in (row.first_name, row.last_name) if part]
    return {*parts, " ".join(parts)} if parts else set()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def counts(bundle: Bundle) -> dict[str, int]:
    """{table: rows} of a bundle, with its deliveries."""
    found = {name: len(some) for name, some in bundle["tables"].items()}
    return {**found, "deliveries": len(bundle["deliveries"])}


def files(bundle: Bundle) -> dict[str, bytes]:
    """The bundle as files by name: the whole as JSON, each table as CSV with its columns in the first line."""
    made = {"bundle.json": orjson.dumps(bundle, option=orjson.OPT_INDENT_2)}
    for name, some in {**bundle["tables"], "deliveries": bundle["deliveries"]}.items():
        if some:
            made[f"{name}.csv"] = _csv(some)
    return made


def _csv(some: list[dict[str, Any]]) -> bytes:
    written = io.StringIO()
    columns = list(dict.fromkeys(column for row in some for column in row))
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in some)
    return written.getvalue().encode()


def _cell(value: Any) -> Any:
    """A spreadsheet must not take a text for a formula."""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
