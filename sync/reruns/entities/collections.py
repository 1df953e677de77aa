"""Collections, which Brevo calls categories and does not answer for one by one. They belong to no person."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from connector.shops import Shop
from sync.copies import category
from sync.reruns.entities.catalogue import by_handle, held_in, of_nobody
from sync.reruns.entities.entity import Entity, Held, Row, by_the_stores_id, kept_in
from sync.reruns.entities.snapshots import snapshots

_SHOWN = ("title", "handle", "image_url")
_NAMES = {"title": "name"}

_ROWS = text("SELECT * FROM collections WHERE shop_id = :shop_id AND id = ANY(:ids)")


_held = held_in("collections")


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
    of_person=of_nobody("Collection"),
    named=by_handle("Collection"),
    held=_held,
    rows=_rows,
    records=by_the_stores_id(_held),
    names=lambda shop: _NAMES,
    kept=kept_in("collections"),
)
