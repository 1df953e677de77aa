"""What a kind of record that can be synced again says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from connector.brevo.client import BrevoAccount
from connector.shops import Shop

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Where:
    """Which records: by the store's ids, or by a search in the store's own syntax."""

    ids: tuple[int, ...] = ()
    search: str | None = None


@dataclass(frozen=True)
class Held:
    """A record as we hold it: what ``sync_state`` calls it, its version, and whose it is."""

    copy_id: int
    version: int
    person_id: int | None


@dataclass(frozen=True)
class Whose:
    """A record by the store's id, and the person it is about, if anybody."""

    id: int
    person_id: int | None


@dataclass(frozen=True)
class Row:
    """A record for people to look at.

    ``label``: how staff call it; ``ours``: our values by field; ``told``: what Brevo would be told now, by Brevo's
    names; ``untold``: why Brevo is told nothing of it, if so; ``known_by``: what to ask Brevo for, if it can be asked.
    """

    label: str
    ours: Values
    told: Values = field(default_factory=dict)
    untold: str | None = None
    known_by: tuple[tuple[str, str], ...] = ()


def by_the_stores_id(
    held: Callable[[Connection, int, Sequence[int]], dict[int, Held]],
) -> Callable[[Connection, int, Sequence[int]], dict[int, Whose]]:
    """``records`` of an entity that ``sync_state`` calls as the store does."""
    return lambda connection, shop_id, copy_ids: {
        one: Whose(one, found.person_id) for one, found in held(connection, shop_id, copy_ids).items()
    }


@dataclass(frozen=True)
class Entity:
    """``kind``: its GraphQL type in ``sync.readers.READERS``; ``copy``: its entity in ``sync_state``.

    ``listing`` and ``count`` are query documents, ``root`` is the list in the answer and ``count_root`` the count.
    ``of_person`` and ``named`` raise InvalidInput when it has nothing of the kind.
    ``held``: by the store's ids what we hold; ``rows``: the same for people to look at; ``records``: by the ids of
    ``sync_state``. ``names``: {our field: Brevo's}. ``kept``: a query of our own table for (place, record_id), of a
    person or a range (``kept_in`` makes it).
    ``at_brevo`` answers Brevo's values by Brevo's names, None when Brevo does not have it; it is None where Brevo
    cannot be asked for a single one. A preview asks for so many at most: ``asked``.
    """

    name: str
    kind: str
    copy: str
    listing: str
    root: str
    count: str
    count_root: str
    of_person: Callable[[Connection, int, int], Where]
    named: Callable[[str], Where]
    held: Callable[[Connection, int, Sequence[int]], dict[int, Held]]
    rows: Callable[[Connection, Shop, Mapping[int, Held]], dict[int, Row]]
    records: Callable[[Connection, int, Sequence[int]], dict[int, Whose]]
    names: Callable[[Shop], Mapping[str, str]]
    kept: str
    at_brevo: Callable[[BrevoAccount, Row], Values | None] | None = None
    asked: int = 20


def kept_in(table: str, *, record_id: str = "id", person_id: str = "NULL", moment: str = "source_updated_at") -> str:
    """The records of a table that we hold, of :person_id or told by the store from :since to :until (each may be NULL),
    :most of them after the place :after. The columns are SQL of ours.
    """
    return f"""
SELECT id AS place, {record_id} AS record_id FROM {table}
WHERE shop_id = :shop_id AND id > :after
    AND (CAST(:person_id AS bigint) IS NULL OR {person_id} = :person_id)
    AND (CAST(:since AS timestamptz) IS NULL OR {moment} BETWEEN :since AND :until)
ORDER BY id LIMIT :most
"""  # noqa: S608


def record_number(text: str, kind: str) -> int | None:
    """The store's id in what staff wrote: digits, or a global id such as gid://shopify/Order/17; else None."""
    digits = text.strip().removeprefix(f"gid://shopify/{kind}/")
    return int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits) < 2**63 else None


def quoted(value: str) -> str:
    """A value in the store's search syntax. A quotation mark would end it, so there is none in what is searched."""
    return '"' + value.replace("\\", "").replace('"', "") + '"'
