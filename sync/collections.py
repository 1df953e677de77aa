"""Collections of products, which Brevo calls categories. Which products are in one is read from the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.store import collections, products
from connector.scope import Scope
from sync import fetch, wishes
from sync.node_values import moment, number

_EMPTY: Mapping[str, Any] = {**dict.fromkeys(column.name for column in collections.c), "title": "", "version": 0}
_TOLD = ("title", "handle", "image_url")


def project(scope: Scope, told: Mapping[str, Any], at: datetime, *, created: bool = False) -> None:
    """Apply a collection as a webhook tells it; its products are read from the store."""
    _apply(scope, told, told["updated_at"] or at, created=created)
    fetch.wish(scope, "Collection", told["id"], urgent=False)


def _apply(scope: Scope, told: Mapping[str, Any], at: datetime, *, created: bool = False) -> None:
    collection_id = told["id"]
    held = held_collection(scope, collection_id)
    before: Mapping[str, Any] = held or {**_EMPTY, "shop_id": scope.shop_id, "id": collection_id}
    older = held is not None and bool(held["source_updated_at"]) and at < held["source_updated_at"]
    values: dict[str, Any] = {}
    if not (older or before["deleted_at"]):
        values = {**{name: told[name] for name in _TOLD if told[name] is not None}, "source_updated_at": at}
    changed = {name: value for name, value in values.items() if before[name] != value}
    differ = {name: [before[name], changed[name]] for name in _TOLD if name in changed}
    if held is None or differ:
        changed["version"] = before["version"] + 1
        wishes.wish(scope, "category", collection_id, changed["version"])
    row = {**before, **changed}
    if changed:
        _write(scope, row, changed)
    subject = f"collection:{collection_id}"
    props = {"collection_id": collection_id, "title": row["title"]}
    facts = []
    if created:
        # However late we hear of it.
        facts.append(Fact("collection_created", f"{subject}:created", at, subject, key=str(collection_id), props=props))
    if held is not None and differ:
        identity = f"{subject}:{at.isoformat()}:{changed['version']}"
        more = {**props, "changed": differ}
        facts.append(Fact("collection_updated", identity, at, subject, key=str(collection_id), props=more))
    eventlog.append(scope, facts)


def deleted(scope: Scope, collection_id: int, at: datetime) -> None:
    """The collection is gone, and no product is in it any more."""
    held = held_collection(scope, collection_id)
    if held is not None and held["deleted_at"]:
        return
    before: Mapping[str, Any] = held or {**_EMPTY, "shop_id": scope.shop_id, "id": collection_id}
    changed = {"deleted_at": at, "version": before["version"] + 1}
    _write(scope, {**before, **changed}, changed)
    _members(scope, collection_id, (), whole=True)
    subject = f"collection:{collection_id}"
    props = {"collection_id": collection_id, "title": before["title"]}
    eventlog.append(
        scope, [Fact("collection_deleted", f"{subject}:deleted", at, subject, key=str(collection_id), props=props)]
    )
    if held is not None:
        wishes.wish(scope, "category", collection_id, changed["version"])


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a collection as the store's GraphQL tells it (queries/collections.graphql)."""
    told: dict[str, Any] = {
        "id": number(node["id"]),
        "title": node.get("title"),
        "handle": node.get("handle"),
        "image_url": (node.get("image") or {}).get("url"),
    }
    _apply(scope, told, moment(node.get("updatedAt")) or scope.now)
    listed = node.get("products")
    if listed:
        ids = {number(one["id"]) for one in listed.get("nodes") or () if one}
        whole = not (listed.get("pageInfo") or {}).get("hasNextPage", True)
        _members(scope, told["id"], ids, whole=whole)


def _members(scope: Scope, collection_id: int, ids: Collection[int], *, whole: bool) -> None:
    """These products are in the collection; ``whole``: and no others. Of products not read yet it is left alone."""
    inside = products.c.collection_ids.contains([collection_id])
    rows = scope.connection.execute(
        select(products.c.id, products.c.collection_ids).where(
            products.c.shop_id == scope.shop_id,
            products.c.collection_ids.is_not(None),
            products.c.id.in_(ids) | inside,
        )
    ).all()
    for row in rows:
        known = set(row.collection_ids)
        wanted = known | {collection_id} if row.id in ids else known - {collection_id} if whole else known
        if wanted == known:
            continue
        version: int = scope.connection.execute(
            update(products)
            .where(products.c.shop_id == scope.shop_id, products.c.id == row.id)
            .values(collection_ids=sorted(wanted), version=products.c.version + 1)
            .returning(products.c.version)
        ).scalar_one()
        wishes.wish(scope, "product", row.id, version)


def held_collection(scope: Scope, collection_id: int) -> Mapping[str, Any] | None:
    query = select(collections).where(collections.c.shop_id == scope.shop_id, collections.c.id == collection_id)
    row = scope.connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def _write(scope: Scope, row: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    statement = insert(collections).values(dict(row))
    scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "id"], set_=dict(changed)))
