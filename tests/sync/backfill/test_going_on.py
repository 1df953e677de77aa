"""A backfill goes on after anything: deaths, lost answers, files that stop short, and being stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import OutcomeUnknown
from connector.shopify import bulk
from sync import backfill
from sync.backfill import applying, asking, copying, pages, work
from tests.sync.backfill.warehouse import BY, Warehouse

POINTS = {
    "backfill.leased": work,
    "backfill.asked": asking,
    "backfill.copied": copying,
    "backfill.applied": applying,
    "backfill.paged": pages,
}


class Death(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def dying(at: str, on: Callable[[int], bool]) -> Callable[[str], None]:
    passes = 0

    def reach(name: str) -> None:
        nonlocal passes
        if name == at:
            passes += 1
            if on(passes):
                raise Death

    return reach


def finish_dying(house: Warehouse, backfill_id: int) -> int:
    """Let it be done by workers that die; how many did."""
    deaths = 0
    for _ in range(200):
        try:
            while house.step():
                pass
        except Death:
            deaths += 1
        if house.progress(backfill_id).ended:
            return deaths
        house.product.skip(20)
    raise AssertionError(f"the backfill does not end: {house.progress(backfill_id)}")


SHORT = ("backfill.copied", "backfill.applied")


@pytest.mark.parametrize("point", [pytest.param(one, marks=() if one in SHORT else pytest.mark.long) for one in POINTS])
def test_whoever_dies_is_followed_by_somebody_who_goes_on(
    house: Warehouse, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other time that a worker comes there it dies: what is here at the end is what is in the store, once."""
    monkeypatch.setattr(applying, "BATCH", 20)
    monkeypatch.setattr(copying, "_PIECE", 20_000)
    house.populate()
    backfill_id = house.start()
    monkeypatch.setattr(POINTS[point], "reach", dying(point, lambda passes: passes % 2 == 1))
    assert finish_dying(house, backfill_id) >= 1
    found = house.progress(backfill_id)
    assert found.state == "done"
    for part in found.parts:
        assert (part.done, part.created, part.failed) == (part.store, part.store, 0), part
    for kind in ("customers", "orders", "products", "collections"):
        assert house.held(kind) == {int(one): at for one, at in house.census(kind)["records"].items()}
    assert house.staged() == 0


def test_a_lost_answer_is_not_asked_for_twice(house: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without looking for it the store writes the file twice."""
    house.populate()
    run = bulk.run

    def lost(*asked: Any) -> str:
        run(*asked)
        monkeypatch.setattr(bulk, "run", run)
        raise OutcomeUnknown("shopify", "the answer could not be read")

    monkeypatch.setattr(bulk, "run", lost)
    found = house.whole("customers")
    assert found.state == "done"
    assert house.calls()["fields"]["bulkOperationRunQuery"] == 1
    monkeypatch.setattr(bulk, "run", lost)
    monkeypatch.setattr(bulk, "begun_since", lambda *_: None)
    house.whole("customers")
    assert house.calls()["fields"]["bulkOperationRunQuery"] == 3


@pytest.mark.parametrize("fault", ["cut", "forbidden", "error"])
def test_a_file_that_stops_short_is_gone_on_with(house: Warehouse, fault: str) -> None:
    house.populate()
    house.fault(fault, count=3)
    found = house.whole("orders")
    part = house.part(found, "orders")
    assert found.state == "done", found
    assert (part.created, part.lines_done) == (house.census()["orders"]["count"], part.lines)


def test_a_store_that_knows_no_ranges_has_its_bytes_skipped(house: Warehouse) -> None:
    house.store.post("bulk", ranges=False)
    try:
        house.populate()
        house.fault("cut", count=2)
        part = house.part(house.whole("orders"), "orders")
    finally:
        house.store.post("bulk", ranges=True)
    assert (part.created, part.lines_done) == (house.census()["orders"]["count"], part.lines)


def test_an_operation_that_fails_is_asked_for_again(house: Warehouse) -> None:
    house.populate()
    house.fault("fail", count=1, root="products")
    found = house.whole("products", "collections")
    assert found.state == "done"
    assert house.part(found, "products").calls == 2


def test_what_the_app_may_not_read_is_said_and_the_rest_is_read(house: Warehouse) -> None:
    house.populate()
    house.fault("fail", root="products", error_code="ACCESS_DENIED")
    house.store.post("permissions", shop=house.shop.shop.domain, manage_abandoned_checkouts=False)
    found = house.whole()
    assert found.state == "failed"
    assert found.reason is not None and "scopes" in found.reason
    assert {part.kind: part.state for part in found.parts} == {
        "products": "failed", "collections": "done", "customers": "done", "orders": "done", "checkouts": "refused",
    }  # fmt: skip
    assert house.part(found, "orders").created == house.census()["orders"]["count"]
    # When that is mended, what is missing is read, and nothing else.
    house.store.post("bulk_faults", faults=[])
    house.store.post("permissions", shop=house.shop.shop.domain, manage_abandoned_checkouts=True)
    with house.shop.scope() as scope:
        backfill.resume(scope, found.id, by=BY)
    found = house.finish(found.id)
    assert found.state == "done"
    assert house.calls()["fields"]["bulkOperationRunQuery"] == 5


def test_a_backfill_that_was_stopped_goes_on_where_it_stood(house: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "BATCH", 20)
    monkeypatch.setattr(applying, "_TURN", 0.0)
    house.populate()
    backfill_id = house.start("customers", "orders")
    while not house.part(house.progress(backfill_id), "orders").done:
        house.step()
        house.product.skip(2)
    with house.shop.scope() as scope:
        assert backfill.stop(scope, backfill_id, by=BY)
    stopped = house.finish(backfill_id)
    assert stopped.state == "stopped" and stopped.resumable
    assert house.staged() == 0
    so_far = house.part(stopped, "orders").done
    assert 0 < so_far < house.census()["orders"]["count"]
    with house.shop.scope() as scope:
        backfill.resume(scope, backfill_id, by=BY)
    found = house.finish(backfill_id)
    part = house.part(found, "orders")
    assert (found.state, part.created, part.unchanged) == ("done", part.store, 0)
    # The store was not asked for another file.
    assert house.calls()["fields"]["bulkOperationRunQuery"] == 2
