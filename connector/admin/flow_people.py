"""Who is inside a flow, and where each of them stands. By keys, a page at a time; every query names the shop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, text

from connector.admin import flow_map
from connector.admin.flow_reading import Known
from connector.admin.shown import Eyes
from connector.models.person import persons
from connector.paging import SIZE, Page, after, page
from connector.shops import Shop
from flows.engine.book import Book

_BEYOND = 2**62


@dataclass(frozen=True)
class Inside:
    """Somebody who is in the flow. ``name``: as whoever asks may see it; ``at``: what the step is in words, "" where an
    automation at Brevo carries them; ``until``: when it goes on, if that is a matter of time."""

    run_id: UUID
    person_id: int
    name: str
    version: int
    at: str
    until: datetime | None
    entered_at: datetime
    key: str


def people_inside(
    connection: Connection, shop: Shop, one: Known, cursor: str | None, eyes: Eyes, size: int = SIZE
) -> Page[Inside]:
    """Who is in the flow now, the newest people first. Raises InvalidInput for a cursor that is none."""
    person, run = after(cursor, int, str) or (_BEYOND, "")
    given = {"shop_id": shop.id, "flow": one.name, "person": person, "run": run, "size": size + 1}
    rows = connection.execute(_INSIDE, given).all()
    names = called(connection, shop.id, {row.person_id for row in rows}, eyes)
    words = _steps_of(connection, shop.id, one, {row.version for row in rows})
    found = [
        Inside(
            row.id,
            row.person_id,
            names.get(row.person_id, f"Person {row.person_id}"),
            row.version,
            words.get((row.version, row.at), row.at or ""),
            datetime.fromisoformat(row.due_at) if row.due_at else None,
            row.entered_at,
            row.key,
        )
        for row in rows
    ]
    return page(found, lambda each: (each.person_id, str(each.run_id)), size)


_INSIDE = text(
    """
SELECT id, person_id, version, key, entered_at, position ->> 'at' AS at, position #>> '{waiting,due_at}' AS due_at
FROM runs
WHERE shop_id = :shop_id AND flow = :flow AND state = 'live' AND person_id <= :person
    AND (person_id, CAST(id AS text)) < (:person, :run)
ORDER BY person_id DESC, CAST(id AS text) DESC LIMIT :size
"""
)


def _steps_of(
    connection: Connection, shop_id: int, one: Known, versions: Collection[int]
) -> dict[tuple[int, str], str]:
    book, found = Book(connection, shop_id), {}
    for version in versions:
        flow = book.published(one.name, version).flow
        for stop in flow_map.everything(flow_map.drawn(flow)):
            found[version, stop.id] = stop.title if stop.look != "message" else f"{stop.kind}: {stop.title}"
    return found


def called(connection: Connection, shop_id: int, ids: Collection[int], eyes: Eyes) -> dict[int, str]:
    """{person: what they are called on a page}, as these eyes see it."""
    found = connection.execute(_CALLED, {"shop_id": shop_id, "ids": list(ids)}) if ids else ()
    return {
        row.id: eyes.called(row.id, row.first_name, row.last_name, email=row.email, phone=row.phone) for row in found
    }


_CALLED = select(persons.c.id, persons.c.first_name, persons.c.last_name, persons.c.email, persons.c.phone).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id.in_(bindparam("ids", expanding=True))
)
