"""Somebody is erased while their records wait to be applied: nothing of them is left, and nothing comes back."""

from __future__ import annotations

from sqlalchemy import text

from connector.locks import NORMALISE, lock_shop
from connector.models.person import persons
from sync.privacy import rows, traces
from sync.privacy.traces import Named
from tests.sync.backfill.warehouse import Warehouse

LINES = "SELECT count(*) FROM backfill_lines WHERE body LIKE '%' || :id || '%' OR body LIKE '%' || :email || '%'"
OF_ORDERS = "SELECT count(*) FROM backfill_lines WHERE kind = 'orders' AND parent_id = ANY(:orders)"


def test_nothing_of_them_is_left_and_nothing_comes_back(house: Warehouse) -> None:
    house.populate()
    backfill_id = house.start("customers", "orders")
    house.until(backfill_id, lambda found: all(part.state == "applying" for part in found.parts))
    engine = house.shop.deps.engine
    with engine.connect() as connection:
        bought = connection.execute(
            text(
                "SELECT customer_id, email, array_agg(parent_id) AS orders FROM backfill_lines"
                " WHERE kind = 'orders' AND email IS NOT NULL AND customer_id IS NOT NULL"
                " GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
            )
        ).one()
        named = {"id": str(bought.customer_id), "email": bought.email}
        assert connection.scalar(text(LINES), named) > 1
        of_orders = {"orders": bought.orders}
        assert connection.scalar(text(OF_ORDERS), of_orders) > len(bought.orders)
    with house.shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        found = traces.of_person(scope.connection, scope.shop_id, None, Named(bought.customer_id, bought.email))
        assert rows.erase(scope, found).tables["backfill_lines"] > len(bought.orders)
    with engine.connect() as connection:
        assert connection.scalar(text(LINES), named) == 0
        assert connection.scalar(text(OF_ORDERS), of_orders) == 0
    house.finish(backfill_id)
    assert house.shop.rows(persons, customer_id=bought.customer_id) == []
    # A file that was written before brings them again: they are left out, and their lines go.
    part = house.part(house.whole("customers"), "customers")
    assert part.left_out == 1 and house.shop.rows(persons, customer_id=bought.customer_id) == []
    assert house.staged() == 0
