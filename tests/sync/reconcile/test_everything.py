"""Everything compared as sets: deletions that nobody told, and that nothing is deleted which the store still has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.models.reconcile import gaps, reconcile_passes
from connector.models.shop import shops as shops_table
from connector.models.store import orders, products
from connector.models.sync import fetches
from connector.shopify import bulk
from sync.reconcile import everything
from tests.sync.reconcile.outage import Day


def deleted(day: Day, table: Any) -> set[int]:
    return {row.id for row in day.shop.rows(table) if row.deleted_at}


def test_a_list_that_is_cut_short_deletes_nothing(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [day.act("create_product", title=f"Mug {n}")["product_id"] for n in range(3)]
    day.settle()
    day.store.post("delete", shop=day.shop.shop.domain, kind="products", ids=[made[0]])
    # The store lists nothing: as many lines as it says, which is none.
    monkeypatch.setattr(everything, "_told", lambda deps, kind, operation: {})
    report = day.reconcile()
    assert report.whole and deleted(day, products) == {made[0]}
    assert report.findings["records"] == {"products": {"missed": 0, "behind": 0, "gone": 1, "repaired": 1, "failed": 0}}

    def trusting(store: Any, kind: Any, ids: Any) -> list[int]:
        return list(ids)

    # Control: who trusts the list deletes what is there.
    monkeypatch.setattr(everything, "_gone", trusting)
    day.reconcile()
    assert deleted(day, products) == {row.id for row in day.shop.rows(products)} > set(made)


def test_orders_that_the_store_hides_are_left_alone(day: Day) -> None:
    for n in range(2):
        day.act("create_order", email=f"hidden-{n}@x.test")
    day.settle()
    held = [row.id for row in day.shop.rows(orders)]
    day.shop.change(orders, {"created_at": day.now - timedelta(days=61)}, id=held[0])
    day.store.post("delete", shop=day.shop.shop.domain, kind="orders", ids=held)
    with day.shop.scope() as scope:
        scope.connection.execute(
            update(shops_table).where(shops_table.c.id == day.shop.id).values(granted_scopes=["read_orders"])
        )
    day.reload()
    day.reconcile()
    assert deleted(day, orders) == {held[1]}


def test_an_operation_that_failed_is_asked_for_anew(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.act("create_customer", email="once@x.test")
    seen = bulk.look
    failures = iter(["failed", "failed"])

    def look(store: Any, operation_id: str) -> Any:
        found = seen(store, operation_id)
        state = next(failures, None)
        return found if state is None else bulk.Operation(operation_id, state, error="INTERNAL_SERVER_ERROR")

    monkeypatch.setattr(bulk, "look", look)
    day.settle()
    assert day.reconcile().whole
    with day.shop.deps.engine.connect() as connection:
        assert (
            connection.scalar(select(reconcile_passes.c.reason).where(reconcile_passes.c.reason.is_not(None))) is None
        )
        # What a report has ended with is counts; the records are forgotten.
        assert connection.scalars(select(gaps.c.record_id)).all() == []
        assert not connection.scalars(select(fetches.c.remote_id).where(fetches.c.state != "done")).all()
