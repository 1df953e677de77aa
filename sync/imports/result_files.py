"""Which lines of an import Brevo left out, as the files say that it offers when an import has ended.

Brevo names a file for each reason (its reference, GET /processes/{processId}); what is in them is not documented. Every
line is looked through for an address, then for a customer id and a number, of somebody who was in the import.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from connector.brevo.verdicts import PROVIDER
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import ConnectorError, Retry
from connector.http import CallFailed
from connector.settings import Settings
from connector.shops import Shop

_HOSTS = (".brevo.com", ".sendinblue.com")
# Machine seconds for one file.
_PATIENCE = 60.0


class Unreadable(ConnectorError):
    """A file that will not be read; the message says why."""


@dataclass(frozen=True)
class Refused:
    """{person: Brevo's name for why its line was left out}; ``unknown``: lines that name nobody of the import."""

    people: Mapping[int, str]
    unknown: int = 0


def read(deps: Deps, shop: Shop, import_id: int, addresses: Mapping[str, Any]) -> Refused:
    """``addresses``: {why: where the file is}. Raises Unreadable, or Retry when the file may come another time."""
    files = {str(why): str(where) for why, where in addresses.items() if where}
    if not files:
        return Refused({})
    known = _Known.of(deps, shop, import_id)
    people: dict[int, str] = {}
    unknown = 0
    for why, where in files.items():
        if not allowed(where, deps.settings):
            raise Unreadable(f"a file of left-out lines is not at an address of Brevo's: {urlsplit(where).hostname}")
        for line in _lines(deps, where):
            person_id = known.named_in(line)
            if person_id is None:
                unknown += 1
            else:
                people.setdefault(person_id, why)
    return Refused(people, unknown)


def allowed(where: str, settings: Settings) -> bool:
    """Whether this is an https address of Brevo's; in development also one of the server that stands for it."""
    parts, own = urlsplit(where), urlsplit(settings.brevo_base_url)
    if settings.development and parts.scheme in ("http", "https") and parts.netloc == own.netloc:
        return True
    host = f".{parts.hostname or ''}".lower()
    return parts.scheme == "https" and parts.username is None and parts.port in (None, 443) and host.endswith(_HOSTS)


def _lines(deps: Deps, where: str) -> Iterator[Mapping[str, str]]:
    """The file's lines, {column: cell}, read as it comes."""
    rows = csv.reader(_text(deps, where), delimiter=";")
    head: list[str] | None = None
    for row in rows:
        cells = [cell.strip() for cell in (row[0].split(",") if len(row) == 1 else row)]
        if head is None and not any("@" in cell for cell in cells):
            head = [cell.upper() for cell in cells]
        elif any(cells):
            names = head or []
            yield {names[place] if place < len(names) else f"#{place}": cell for place, cell in enumerate(cells)}


def _text(deps: Deps, where: str) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    try:
        for piece in deps.http.pieces(where, _PATIENCE):
            *whole, rest = (rest + decode.decode(piece)).split("\n")
            yield from (line + "\n" for line in whole)
    except CallFailed as error:
        raise Retry(PROVIDER, f"the file of left-out lines could not be read: {error}") from error
    yield rest + decode.decode(b"", final=True)


class _Known:
    """Everybody in the import, by what a line may name them by."""

    def __init__(self) -> None:
        self._by_email: dict[str, int] = {}
        self._by_column: dict[tuple[str, str], int] = {}

    @classmethod
    def of(cls, deps: Deps, shop: Shop, import_id: int) -> _Known:
        known = cls()
        with autocommitted(deps.engine) as connection:
            for row in connection.execute(_PEOPLE, {"shop_id": shop.id, "import_id": import_id}):
                if row.email:
                    known._by_email[row.email.lower()] = row.id
                if row.customer_id is not None:
                    known._by_column["EXT_ID", str(row.customer_id)] = row.id
                if row.phone:
                    known._by_column["SMS", _digits(row.phone)] = row.id
        return known

    def named_in(self, line: Mapping[str, str]) -> int | None:
        for cell in line.values():
            if "@" in cell and (found := self._by_email.get(cell.strip('"').lower())) is not None:
                return found
        by_id = self._by_column.get(("EXT_ID", line.get("EXT_ID", "")))
        return by_id if by_id is not None else self._by_column.get(("SMS", _digits(line.get("SMS", ""))))


def _digits(number: str) -> str:
    return "".join(one for one in number if one.isdigit()).removeprefix("00")


_PEOPLE = text(
    """
SELECT persons.id, persons.email, persons.customer_id, persons.phone FROM sync_state
JOIN persons ON persons.shop_id = sync_state.shop_id AND persons.id = sync_state.entity_id
WHERE sync_state.shop_id = :shop_id AND import_id = :import_id
"""
)
