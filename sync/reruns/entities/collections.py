"""Collections, which Brevo calls categories and does not answer for one by one. They belong to no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from connector.errors import InvalidInput
from connector.shops import Shop
from sync.copies import category
from sync.reruns.entities.entity import Entity, Held, Row, Where, by_the_stores_id, kept_in, quoted, record_number
from sync.reruns.entities.snapshots import snapshots

_SHOWN = ("title", "handle", "image_url")
_NAMES = {"title": "name"}

_HELD = text("SELECT id, version FROM collections WHERE shop_id = :shop_id AND id = ANY(:ids)")
_ROWS = text("SELECT * FROM collections WHERE shop_id = :shop_id AND id = ANY(:ids)")


def _of_person(connection: Connection, shop_id: int, person_id: int) -> Where:
    raise InvalidInput("Collections belong to nobody: name a collection, or a range of time.")


def _named(written: str) -> Where:
    number = record_number(written, "Collection")
    if number is not None:
        return Where(ids=(number,))
    if not written.strip():
        raise InvalidInput("A collection is named by the store's id or by its handle.")
    return Where(search=f"handle:{quoted(written.strip())}")


def _held(connection: Connection, shop_id: int, ids: Sequence[int]) -> dict[int, Held]:
    rows = connection.execute(_HELD, {"shop_id": shop_id, "ids": list(ids)})
    return {row.id: Held(row.id, row.version, None) for row in rows}


def _rows(connection: Connection, shop: Shop, held: Mapping[int, Held]) -> dict[int, Row]:
    found = snapshots(connection, shop, "category", held, category.read)
    rows = {}
    for kept in connection.execute(_ROWS, {"shop_id": shop.id, "ids": list(held)}).mappings():
        snapshot = found[kept["id"]]
        rows[kept["id"]] = Row(
            label=kept["title"] or str(kept["id"]),
            ours={name: kept[name] for name in _SHOWN},
            told={} if snapshot.nothing else snapshot.body,
            untold=snapshot.nothing,
        )
    return rows


COLLECTIONS = Entity(
    name="collections",
    kind="Collection",
    copy="category",
    listing="changed_collections",
    root="collections",
    count="count_collections",
    count_root="collectionsCount",
    of_person=_of_person,
    named=_named,
    held=_held,
    rows=_rows,
    records=by_the_stores_id(_held),
    names=lambda shop: _NAMES,
    kept=kept_in("collections"),
)
