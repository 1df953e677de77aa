"""A shop with a simulated store that has a past, and what a backfill makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text, update

from connector import shops
from connector.db.session import transaction
from connector.models.shop import shops as shops_table
from sync import backfill
from sync.backfill import Backfill, Part
from tests.engine.installation import ConnectedShop, Installation
from tests.sandbox.store_process import StoreProcess

BY = "staff:1"
_ROUNDS = 60
SMALL = {"customers": 60, "orders": 150, "products": 20, "collections": 4, "abandoned_checkouts": 5}


@dataclass
class Warehouse:
    shop: ConnectedShop
    store: StoreProcess

    @classmethod
    def connected(cls, product: Installation, domain: str) -> Warehouse:
        assert product.store is not None
        house = cls(product.connect(domain, flows=()), product.store)
        house.live_since(product.now)
        return house

    def live_since(self, moment: datetime | None) -> None:
        """When its webhooks were in place; None: nobody knows."""
        with transaction(self.product.deps.engine) as connection:
            this = shops_table.c.id == self.shop.id
            connection.execute(update(shops_table).where(this).values(live_since=moment))
            self.shop.shop = shops.load(connection, self.shop.id)

    @property
    def product(self) -> Installation:
        return self.shop.installation

    def populate(self, **counts: float) -> None:
        """A past that was over a month ago; its parcels have arrived since."""
        counts = counts or {**SMALL, "to": (self.product.now - timedelta(days=30)).timestamp()}
        self.store.post("populate", shop=self.shop.shop.domain, **counts)

    def census(self, kind: str | None = None) -> Any:
        named = "" if kind is None else f"&kind={kind}"
        return self.store.get(f"census?shop={self.shop.shop.domain}{named}")

    def calls(self) -> dict[str, Any]:
        found: dict[str, Any] = self.store.get(f"api_calls?shop={self.shop.shop.domain}")
        return found

    def fault(self, kind: str, **more: Any) -> None:
        self.store.post("bulk_faults", faults=[{"kind": kind, "shop": self.shop.shop.domain, **more}])

    # Backfills

    def start(self, *kinds: str) -> int:
        with self.shop.scope() as scope:
            return backfill.start(scope, kinds, by=BY)

    def progress(self, backfill_id: int) -> Backfill:
        with self.shop.deps.engine.connect() as connection:
            return backfill.progress(connection, self.shop.id, backfill_id)

    def step(self) -> bool:
        """One step of the backfill, as a bell has it done; whether there may be more."""
        return backfill.work_due(self.shop.deps, self.shop.shop).more

    def until(self, backfill_id: int, reached: Callable[[Backfill], bool]) -> None:
        """Let the backfill be done step by step until this is so."""
        for _ in range(_ROUNDS):
            if reached(self.progress(backfill_id)):
                return
            # The store may still be writing: then a step says that there is nothing more for now.
            self.step()
            self.product.skip(2)
        raise AssertionError(f"the backfill does not get there: {self.progress(backfill_id)}")

    def finish(self, backfill_id: int) -> Backfill:
        """Let the backfill be done, until it has ended."""
        for _ in range(_ROUNDS):
            while self.step():
                pass
            found = self.progress(backfill_id)
            if found.ended:
                return found
            self.product.skip(40)
        raise AssertionError(f"the backfill does not end: {found}")

    def whole(self, *kinds: str) -> Backfill:
        return self.finish(self.start(*kinds))

    def settle(self) -> None:
        """Let everything be done that follows."""
        self.product.settle("fetch", "sync", "imports", "flows", "deliver")

    def part(self, found: Backfill, kind: str) -> Part:
        (one,) = [part for part in found.parts if part.kind == kind]
        return one

    # In our tables

    def held(self, kind: str) -> dict[int, str]:
        """{the store's id: when it was changed, as the store writes it} of what we hold."""
        with self.shop.deps.engine.connect() as connection:
            rows = connection.execute(text(_HELD[kind]), {"shop": self.shop.id})
            return {row.id: f"{row.at:%Y-%m-%dT%H:%M:%SZ}" for row in rows}

    def staged(self) -> int:
        with self.shop.deps.engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM backfill_lines")) or 0)

    def picture(self, tables: Sequence[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """All rows that a backfill writes, without what tells when and how they were written."""
        with self.shop.deps.engine.connect() as connection:
            return {
                name: [tuple(row) for row in connection.execute(text(query), {"shop": self.shop.id})]
                for name, query in _PICTURE.items()
                if not tables or name in tables
            }


_HELD = {
    "customers": "SELECT customer_id AS id, source_updated_at AS at FROM persons WHERE shop_id = :shop"
    " AND customer_id IS NOT NULL AND merged_into IS NULL ORDER BY 1",
    "orders": "SELECT id, source_updated_at AS at FROM orders WHERE shop_id = :shop ORDER BY 1",
    "products": "SELECT id, source_updated_at AS at FROM products WHERE shop_id = :shop ORDER BY 1",
    "collections": "SELECT id, source_updated_at AS at FROM collections WHERE shop_id = :shop ORDER BY 1",
}
_OF = "(SELECT coalesce(customer_id::text, email) FROM persons WHERE persons.shop_id = t.shop_id AND id = t.person_id)"
_PICTURE = {
    "persons": "SELECT customer_id, email, phone, first_name, last_name, country, tags, orders_count, total_spent,"
    " first_order_at, last_order_at FROM persons WHERE shop_id = :shop AND merged_into IS NULL ORDER BY 1, 2",
    "consents": f"SELECT {_OF}, channel, purpose, state, evidence_at FROM consents t"
    " WHERE shop_id = :shop ORDER BY 1, 2, 3",
    "orders": f"SELECT id, {_OF}, name, email, total, items, historical, version FROM orders t"
    " WHERE shop_id = :shop ORDER BY 1",
    "products": "SELECT id, title, collection_ids, price_min, price_max FROM products WHERE shop_id = :shop ORDER BY 1",
    "variants": "SELECT id, product_id, price FROM variants WHERE shop_id = :shop ORDER BY 1",
    "collections": "SELECT id, title FROM collections WHERE shop_id = :shop ORDER BY 1",
    "checkouts": f"SELECT token, {_OF}, total, items FROM checkouts t WHERE shop_id = :shop ORDER BY 1",
    "events": "SELECT name, subject, historical FROM events WHERE shop_id = :shop ORDER BY 1, 2",
}
