"""Which records a re-run is about, and the records themselves, as the store tells them or as we hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text

from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shopify.graphql import PartialData, Store
from connector.shops import Shop
from sync.node_values import number
from sync.readers import READERS
from sync.reruns.entities.entity import Entity, Where
from sync.reruns.what import What

Nodes = Mapping[int, Mapping[str, Any]]
GONE = "The store has no such record: it may have been deleted there."
NOT_HELD = "We hold no such record: read it from the store."


@dataclass(frozen=True)
class Page:
    """The store's ids of some records (below zero: ours, of a person who is no customer). ``next``: where those after
    them begin, None when there are none.
    """

    ids: tuple[int, ...]
    next: str | None


def where(connection: Connection, shop_id: int, entity: Entity, what: What, now: datetime) -> Where:
    """Where the records are found that were asked for. Raises InvalidInput."""
    if what.ids:
        return Where(ids=what.ids)
    if what.person is not None:
        return entity.of_person(connection, shop_id, what.person)
    if what.object:
        place = entity.named(what.object)
        if what.only_brevo and place.search is not None:
            raise InvalidInput("The store is not asked: name the record by the store's id.")
        return place
    if what.since is None:
        raise InvalidInput("Whom this was for has been erased.")
    return Where(search=f"updated_at:>='{what.since.isoformat()}' updated_at:<='{(what.until or now).isoformat()}'")


class Source(Protocol):
    """Where the records of a run come from. All may raise ProviderError."""

    def count(self) -> tuple[int, bool]:
        """How many records these are, and whether that is exact or at least."""

    def page(self, cursor: str | None, size: int) -> Page:
        """The next ``size`` records from ``cursor`` on (None: from the beginning)."""

    def read(self, ids: Sequence[int]) -> tuple[Nodes, dict[int, str]]:
        """What is to be applied, by id, and by id why there is nothing of a record, or not all of it."""


def source(deps: Deps, shop: Shop, entity: Entity, what: What, now: datetime) -> Source:
    """Where the records are that were asked for; ``now`` ends a range without an end. Raises InvalidInput."""
    with autocommitted(deps.engine) as connection:
        place = where(connection, shop.id, entity, what, now)
    if what.only_brevo:
        return Tables(deps.engine, shop, entity, what, place, now)
    return AtStore(deps.store(shop), shop, entity, place)


@dataclass(frozen=True)
class AtStore:
    """The store lists and tells the records."""

    store: Store
    shop: Shop
    entity: Entity
    place: Where

    def count(self) -> tuple[int, bool]:
        # The store stops counting at 10,000.
        if self.place.search is None:
            return len(self.place.ids), True
        told = self.store.query(self.entity.count, {"query": self.place.search}).get(self.entity.count_root) or {}
        return int(told.get("count") or 0), told.get("precision") == "EXACT"

    def page(self, cursor: str | None, size: int) -> Page:
        if self.place.search is None:
            return _page_of(self.place.ids, cursor, size)
        asked = {"first": size, "after": cursor, "query": self.place.search}
        told = self.store.query(self.entity.listing, asked).get(self.entity.root) or {}
        follows = told.get("pageInfo") or {}
        ids = tuple(number(node["id"]) for node in told.get("nodes") or () if node)
        return Page(ids, follows.get("endCursor") if follows.get("hasNextPage") else None)

    def read(self, ids: Sequence[int]) -> tuple[Nodes, dict[int, str]]:
        asked = [one for one in ids if one > 0]
        if not asked:
            return {}, {}
        problems = {}
        reader = READERS[self.entity.kind]
        try:
            gids = [f"gid://shopify/{self.entity.kind}/{one}" for one in asked]
            told = self.store.query(reader.document, reader.asked(self.shop, gids))
            nodes = list(told.get("nodes") or ())
        except PartialData as error:
            nodes, struck = error.nodes()
            problems = {one: str(error) for place, one in enumerate(asked) if place in struck or place >= len(nodes)}
        found = {one: node for one, node in zip(asked, nodes, strict=False) if node and node.get("id")}
        return found, {one: problems.get(one, GONE) for one in asked if one in problems or one not in found}


@dataclass(frozen=True)
class Tables:
    """Our own tables list the records, and nothing of them is to be applied: Brevo is only told again."""

    engine: Engine
    shop: Shop
    entity: Entity
    what: What
    place: Where
    now: datetime

    def count(self) -> tuple[int, bool]:
        if self.place.search is None:
            return len(self.place.ids), True
        counted = f"SELECT count(*) FROM ({self.entity.kept}) AS kept"  # noqa: S608  the entities' own texts
        with autocommitted(self.engine) as connection:
            return int(connection.scalar(text(counted), self._asked(None, None)) or 0), True

    def page(self, cursor: str | None, size: int) -> Page:
        if self.place.search is None:
            return _page_of(self.place.ids, cursor, size)
        with autocommitted(self.engine) as connection:
            rows = connection.execute(text(self.entity.kept), self._asked(cursor, size + 1)).all()
        ids = tuple(row.record_id for row in rows[:size])
        return Page(ids, str(rows[size - 1].place) if len(rows) > size else None)

    def read(self, ids: Sequence[int]) -> tuple[Nodes, dict[int, str]]:
        with autocommitted(self.engine) as connection:
            held = self.entity.held(connection, self.shop.id, ids)
        return {}, {one: NOT_HELD for one in ids if one not in held}

    def _asked(self, cursor: str | None, most: int | None) -> dict[str, Any]:
        return {
            "shop_id": self.shop.id,
            "after": int(cursor or 0),
            "person_id": self.what.person,
            "since": self.what.since,
            "until": (self.what.until or self.now) if self.what.since else None,
            "most": most,
        }


def _page_of(ids: tuple[int, ...], cursor: str | None, size: int) -> Page:
    start = int(cursor or 0)
    return Page(ids[start : start + size], str(start + size) if start + size < len(ids) else None)
