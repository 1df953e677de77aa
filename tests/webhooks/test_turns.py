"""No shop holds a worker: whatever one shop has waiting, the next shop has its turn after one batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from benchmarks.stubborn import staying
from connector import worker
from connector.deps import Deps
from connector.models.inbox import inbox
from connector.queue.bells import ring
from tests.engine.installation import ConnectedShop, Installation, installation
from tests.engine.payloads import customer
from tests.sandbox.store_process import OTHER_SHOP, SHOP
from webhooks import process

BACKLOG = 2 * process.BATCH + 20


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """A job ends after its first shop, so that turns can be looked at one by one."""
    with installation(database_url, redis_url, tmp_path) as made:
        monkeypatch.setattr(worker, "_deps", lambda: made.deps)
        monkeypatch.setattr(worker, "_LONGEST_SECONDS", 0.0)
        monkeypatch.setattr(worker, "_AT_ONCE", {})
        yield made


def two_shops(product: Installation) -> tuple[ConnectedShop, ConnectedShop]:
    """One with a backlog, and behind it in the line another with a single delivery."""
    one, two = product.connect(SHOP, flows=()), product.connect(OTHER_SHOP, flows=())
    for number in range(BACKLOG):
        deliver(one, number)
    deliver(two, 0)
    ring(product.deps.redis, "intake", one.id)
    ring(product.deps.redis, "intake", two.id)
    return one, two


def deliver(shop: ConnectedShop, number: int) -> None:
    shop.deliver("customers/create", customer(1 + number, f"person-{number}@example.com", shop.installation.now))


def test_another_shop_is_served_after_one_batch_of_a_backlog(product: Installation) -> None:
    one, two = two_shops(product)
    worker.answer("intake")
    assert len(one.rows(inbox, state="new")) == BACKLOG - process.BATCH
    assert two.one(inbox).state == "new"
    worker.answer("intake")
    assert len(one.rows(inbox, state="new")) == BACKLOG - process.BATCH
    assert two.one(inbox).state == "done"
    worker.answer("intake")
    assert len(one.rows(inbox, state="new")) == BACKLOG - 2 * process.BATCH, "and the backlog has its turn again"


@pytest.mark.long
def test_control_a_worker_that_stays_lets_the_other_shop_wait_for_all_of_it(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "work", staying(worker.work))
    one, two = two_shops(product)
    worker.answer("intake")
    assert one.rows(inbox, state="new") == []
    assert two.one(inbox).state == "new"


def test_who_comes_during_a_round_waits_for_the_next_and_so_rests_come(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop that lines up again while others are served would otherwise never let a round end."""
    one, two = product.connect(SHOP, flows=()), product.connect(OTHER_SHOP, flows=())
    served: list[str] = []

    def work(deps: Deps, kind: str, shop_id: int) -> bool:
        served.append(SHOP if shop_id == one.id else OTHER_SHOP)
        # A delivery that arrives just now.
        ring(deps.redis, kind, shop_id)
        return False

    def rest(redis: Redis, kind: str, seconds: float, *, after: float = 0.0) -> None:
        served.append("rest")

    monkeypatch.setattr(worker, "_LONGEST_SECONDS", 60.0)
    monkeypatch.setattr(worker, "work", work)
    monkeypatch.setattr(worker, "listen", rest)
    for shop in (one, two):
        ring(product.deps.redis, "flows", shop.id)
    worker.answer("flows")
    assert served == [SHOP, OTHER_SHOP, "rest"]
