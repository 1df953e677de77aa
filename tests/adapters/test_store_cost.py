from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from connector.clock import SystemClock, monotonic, pause
from connector.deps import connect_redis
from connector.errors import RateLimited
from connector.http import Http
from connector.settings import Settings
from connector.shopify.cost import Budget, Hold, throttled_seconds
from connector.shopify.graphql import Store
from tests.sandbox.store_process import SHOP, StoreProcess


class Wire:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def wire(self) -> float:
        return self.at


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url)) as client:
        yield client


def cost(available: float, requested: float = 100, most: float = 2000, rate: float = 100) -> dict[str, Any]:
    return {
        "requestedQueryCost": requested,
        "throttleStatus": {
            "maximumAvailable": most, "currentlyAvailable": available, "restoreRate": rate
        },
    }  # fmt: skip


def take(budget: Budget, shop: str = "a", document: str = "customers") -> float:
    return budget.take(shop, document).wait


def run(budget: Budget, told: dict[str, Any], document: str = "customers") -> None:
    """A query that leaves and is answered."""
    hold = budget.take("a", document)
    assert hold.wait == 0
    budget.observe("a", document, told, hold)


def test_half_of_the_bucket_is_ours_and_it_refills(redis: Redis) -> None:
    clock = Wire()
    budget = Budget(redis, clock)
    run(budget, cost(available=1150))
    assert take(budget) == 0
    # 100 of the 150 above the half are held back: 50 are missing, at 100 a second.
    assert take(budget) == pytest.approx(0.5, abs=0.01)
    assert take(budget, "b") == 0, "another shop's bucket"
    clock.at += 0.51
    assert take(budget) == 0


def test_what_the_store_says_counts_and_not_what_was_reckoned(redis: Redis) -> None:
    budget = Budget(redis, Wire())
    run(budget, cost(available=2000))
    assert [take(budget) for _ in range(10)] == [0] * 10
    assert take(budget) > 0


def test_the_smallest_plan_is_assumed_before_the_first_answer(redis: Redis) -> None:
    budget = Budget(redis, Wire())
    free = [take(budget) for _ in range(21)]
    # Half of 2,000 points, at a first guess of 50 each.
    assert free[:20] == [0] * 20 and free[20] == pytest.approx(0.5)


def test_points_in_flight_are_not_counted_on_by_others(redis: Redis) -> None:
    """Ten workers ask at once; the answer to one says nothing of the queries of the others."""
    clock = Wire()
    budget = Budget(redis, clock)
    run(budget, cost(available=2000))
    holds = [budget.take("a", "customers") for _ in range(10)]
    assert [hold.wait for hold in holds] == [0] * 10
    budget.observe("a", "customers", cost(available=1900), holds[0])
    assert take(budget) > 0, "900 points are still under way"
    for hold in holds[1:]:
        budget.observe("a", "customers", cost(available=1900), hold)
    assert take(budget) == 0, "all are answered: 900 of our half are there"
    # What brought no answer is held back for a while and not for ever.
    clock.at += 11
    assert [take(budget) for _ in range(10)] == [0] * 10


def test_a_dear_query_is_not_starved_by_cheap_ones(redis: Redis) -> None:
    clock = Wire()
    budget = Budget(redis, clock)
    run(budget, cost(available=2000, requested=800), "dear")
    run(budget, cost(available=1100, requested=50), "cheap")
    refused = take(budget, document="dear")
    assert refused == pytest.approx(7.0)
    assert take(budget, document="cheap") > 0, "there would be enough for it: it leaves it"
    clock.at += refused + 0.01
    assert take(budget, document="cheap") > 0
    assert take(budget, document="dear") == 0
    # The control: when nobody keeps a place, what there is goes to whoever comes.
    redis.flushdb()
    run(budget, cost(available=1100, requested=50), "cheap")
    assert take(budget, document="cheap") == 0


def test_a_place_that_nobody_comes_for_is_given_up(redis: Redis) -> None:
    clock = Wire()
    budget = Budget(redis, clock)
    run(budget, cost(available=2000, requested=800), "dear")
    run(budget, cost(available=1100, requested=50), "cheap")
    wait = take(budget, document="dear")
    clock.at += wait + 1.01
    assert take(budget, document="cheap") == 0


def test_after_a_word_of_the_store_nobody_asks(redis: Redis) -> None:
    clock = Wire()
    budget, other = Budget(redis, clock), Budget(redis, clock)
    budget.close("a", 3.0)
    assert take(other) == pytest.approx(3.0) and take(other, "b") == 0
    clock.at += 3.01
    assert take(other) == 0


def test_a_query_dearer_than_our_half_can_still_be_paid_from_a_full_bucket(redis: Redis) -> None:
    budget = Budget(redis, Wire())
    run(budget, cost(available=1000, requested=990, most=1000), "everything")
    assert take(budget, document="everything") == 0


@pytest.mark.parametrize(
    "told", [{}, {"throttleStatus": {}}, {"throttleStatus": {"maximumAvailable": "x"}}, cost(5, rate=0)]
)
def test_incomplete_costs_teach_nothing(redis: Redis, told: dict[str, Any]) -> None:
    budget = Budget(redis, Wire())
    run(budget, told)
    assert [take(budget) for _ in range(20)] == [0] * 20, "as before: the smallest plan"


def test_without_redis_calls_go_out() -> None:
    budget = Budget(connect_redis("redis://127.0.0.1:1"), Wire())
    run(budget, cost(1))
    assert take(budget) == 0


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(cost(available=50, requested=250), 2.0), (cost(available=300, requested=250), 0.05), ({}, 1.0)],
)
def test_a_throttled_query_waits_for_what_it_lacks(told: dict[str, Any], seconds: float) -> None:
    assert throttled_seconds(told) == pytest.approx(seconds)


class Unheeding(Budget):
    """The control: asks whenever it likes."""

    def take(self, domain: str, document: str) -> Hold:
        return Hold(0.0)


@pytest.mark.parametrize("heeds", [True, pytest.param(False, marks=pytest.mark.long)])
def test_throttled_is_waited_out_by_all_workers(
    redis_url: str, tmp_path: Path, heeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight threads with clients of their own against the simulated store, which somebody else has drained.

    The wire clock is slow: the five points of the query take two and a half seconds.
    """
    rate = 0.02
    monkeypatch.setenv("WIRE_RATE", str(rate))
    with StoreProcess(tmp_path) as store:
        settings = Settings(environment="development", shopify_base_url=f"{store.url}/{{shop}}", wire_rate=rate)
        answered: list[float] = []
        throttled: list[tuple[float, float, float]] = []
        end = monotonic() + 4.0

        def ask() -> None:
            with closing(Redis.from_url(redis_url)) as client:
                budget = (Budget if heeds else Unheeding)(client, SystemClock(wire_rate=rate))
                mine = Store(SHOP, store.ready["tokens"][SHOP], settings, Http(), budget)
                while monotonic() < end and len(answered) < 8:
                    began = monotonic()
                    try:
                        mine.query("customers", {"ids": ["gid://shopify/Customer/1"]})
                        answered.append(monotonic())
                    except RateLimited as error:
                        if error.status:
                            throttled.append((began, monotonic(), error.after))
                        pause(0.05)

        store.post("bucket", shop=SHOP, left=0)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert throttled, "the store said no"
        # Those that were under way when the first answer came could not know; nobody else asked before its time.
        _, known, after = min(throttled, key=lambda one: one[1])
        assert after > 1
        unwaited = [began for began, _, _ in throttled if known < began < known + after - 0.1]
        assert (unwaited == []) is heeds
        if heeds:
            # The other half of the bucket is not ours, so it takes long until we ask again.
            assert not answered and budget_wait(redis_url, rate) > 0


def budget_wait(redis_url: str, rate: float) -> float:
    with closing(Redis.from_url(redis_url)) as client:
        return take(Budget(client, SystemClock(wire_rate=rate)), SHOP)
