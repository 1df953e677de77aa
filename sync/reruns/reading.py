"""Which records a re-run is about, and the records themselves, as the store tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.errors import InvalidInput
from connector.shopify.graphql import PartialData, Store
from sync.node_values import number
from sync.readers import READERS
from sync.reruns.entities.entity import Entity, Where
from sync.reruns.what import What

Nodes = Mapping[int, Mapping[str, Any]]
GONE = "The store has no such record: it may have been deleted there."


@dataclass(frozen=True)
class Page:
    """The store's ids of some records. ``next``: where those after them begin, None when there are none."""

    ids: tuple[int, ...]
    next: str | None


def where(connection: Connection, shop_id: int, entity: Entity, what: What, now: datetime) -> Where:
    """Where the records are found that were asked for. Raises InvalidInput."""
    if what.ids:
        return Where(ids=what.ids)
    if what.person is not None:
        return entity.of_person(connection, shop_id, what.person)
    if what.object:
        return entity.named(what.object)
    if what.since is None:
        raise InvalidInput("Whom this was for has been erased.")
    return Where(search=f"updated_at:>='{what.since.isoformat()}' updated_at:<='{(what.until or now).isoformat()}'")


def count(store: Store, entity: Entity, place: Where) -> tuple[int, bool]:
    """How many records these are, and whether the store counted to the end (it stops at 10,000).

    Raises ProviderError.
    """
    if place.search is None:
        return len(place.ids), True
    told = store.query(entity.count, {"query": place.search}).get(entity.count_root) or {}
    return int(told.get("count") or 0), told.get("precision") == "EXACT"


def page(store: Store, entity: Entity, place: Where, cursor: str | None, size: int) -> Page:
    """The next ``size`` records from ``cursor`` on (None: from the beginning). Raises ProviderError."""
    if place.search is None:
        start = int(cursor or 0)
        return Page(place.ids[start : start + size], str(start + size) if start + size < len(place.ids) else None)
    told = store.query(entity.listing, {"first": size, "after": cursor, "query": place.search}).get(entity.root) or {}
    follows = told.get("pageInfo") or {}
    ids = tuple(number(node["id"]) for node in told.get("nodes") or () if node)
    return Page(ids, follows.get("endCursor") if follows.get("hasNextPage") else None)


def read(store: Store, entity: Entity, ids: Sequence[int]) -> tuple[Nodes, dict[int, str]]:
    """The records by id, and by id what the store answered to those that it did not tell, or not wholly.

    Raises ProviderError when it told nothing.
    """
    asked = [one for one in ids if one > 0]
    if not asked:
        return {}, {}
    problems = {}
    document, _ = READERS[entity.kind]
    try:
        told = store.query(document, {"ids": [f"gid://shopify/{entity.kind}/{one}" for one in asked]})
        nodes = list(told.get("nodes") or ())
    except PartialData as error:
        nodes, struck = error.nodes()
        problems = {one: str(error) for place, one in enumerate(asked) if place in struck or place >= len(nodes)}
    found = {one: node for one, node in zip(asked, nodes, strict=False) if node and node.get("id")}
    return found, {one: problems.get(one, GONE) for one in asked if one in problems or one not in found}
