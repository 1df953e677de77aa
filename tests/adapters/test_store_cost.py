from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from connector.deps import connect_redis
from connector.shopify.cost import Budget, throttled_seconds


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


def test_half_of_the_bucket_is_ours_and_it_refills(redis: Redis) -> None:
    clock = Wire()
    budget = Budget(redis, clock)
    assert budget.take("a", "customers") == 0, "nothing known: the store itself will say"
    budget.observe("a", "customers", cost(available=1150))
    assert budget.take("a", "customers") == 0
    # 1050 are left and the query costs 100: 50 are missing above the half, at 100 a second.
    assert budget.take("a", "customers") == pytest.approx(0.5, abs=0.01)
    assert budget.take("b", "customers") == 0, "another shop's bucket"
    clock.at += 0.51
    assert budget.take("a", "customers") == 0
    # The control: what the store says counts, not what we reckoned.
    budget.observe("a", "customers", cost(available=2000))
    assert [budget.take("a", "customers") for _ in range(10)] == [0] * 10
    assert budget.take("a", "customers") > 0


def test_a_query_dearer_than_our_half_can_still_be_paid_from_a_full_bucket(redis: Redis) -> None:
    budget = Budget(redis, Wire())
    budget.observe("a", "everything", cost(available=1000, requested=990, most=1000))
    assert budget.take("a", "everything") == 0


@pytest.mark.parametrize(
    "told", [{}, {"throttleStatus": {}}, {"throttleStatus": {"maximumAvailable": "x"}}, cost(5, rate=0)]
)
def test_incomplete_costs_teach_nothing(redis: Redis, told: dict[str, Any]) -> None:
    budget = Budget(redis, Wire())
    budget.observe("a", "customers", told)
    assert budget.take("a", "customers") == 0


def test_without_redis_calls_go_out() -> None:
    budget = Budget(connect_redis("redis://127.0.0.1:1"), Wire())
    budget.observe("a", "customers", cost(1))
    assert budget.take("a", "customers") == 0


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(cost(available=50, requested=250), 2.0), (cost(available=300, requested=250), 0.05), ({}, 1.0)],
)
def test_a_throttled_query_waits_for_what_it_lacks(told: dict[str, Any], seconds: float) -> None:
    assert throttled_seconds(told) == pytest.approx(seconds)
