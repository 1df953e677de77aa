"""What products and collections have in common: they belong to no person, and have a handle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, text

from connector.errors import InvalidInput
from sync.reruns.entities.entity import Held, Where, quoted, record_number


def of_nobody(kind: str) -> Callable[[Connection, int, int], Where]:
    """``Entity.of_person`` of this kind ("Product")."""

    def of_person(connection: Connection, shop_id: int, person_id: int) -> Where:
        raise InvalidInput(f"{kind}s belong to nobody: name a {kind.lower()}, or a range of time.")

    return of_person


def by_handle(kind: str) -> Callable[[str], Where]:
    """``Entity.named`` of this kind ("Product")."""

    def named(written: str) -> Where:
        number = record_number(written, kind)
        if number is not None:
            return Where(ids=(number,))
        if not written.strip():
            raise InvalidInput(f"A {kind.lower()} is named by the store's id or by its handle.")
        return Where(search=f"handle:{quoted(written.strip())}")

    return named


def held_in(table: str) -> Callable[[Connection, int, Sequence[int]], dict[int, Held]]:
    """``Entity.held`` of what is kept in this table, under the store's ids."""
    query = text(f"SELECT id, version FROM {table} WHERE shop_id = :shop_id AND id = ANY(:ids)")  # noqa: S608

    def held(connection: Connection, shop_id: int, ids: Sequence[int]) -> dict[int, Held]:
        rows = connection.execute(query, {"shop_id": shop_id, "ids": list(ids)})
        return {row.id: Held(row.id, row.version, None) for row in rows}

    return held
