"""Lanes on one bucket: live finds its part free while others saturate theirs. On a real Redis."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from connector.brevo.buckets import BUCKETS, LANES
from connector.brevo.limits import Limiter
from connector.clock import SystemClock, monotonic, pause
from tests.adapters.test_brevo_limits import Wire


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url)) as client:
        yield client


def test_each_lane_uses_its_part_of_what_all_have_used(redis: Redis) -> None:
    """10 contacts a second, 8 of them ours: bulk up to 5, maintenance up to 2."""
    clock = Wire()
    limiter = Limiter(redis, clock)
    assert limiter.grab("a", "contacts", 100, lane="maintenance").calls == 2
    assert limiter.grab("a", "contacts", 100, lane="bulk").calls == 3
    assert limiter.grab("a", "contacts", 100, lane="maintenance").calls == 0
    assert limiter.grab("a", "contacts", 2, lane="live").calls == 2
    assert limiter.grab("a", "contacts", 100, lane="bulk").calls == 0
    assert limiter.grab("a", "contacts", 100, lane="live").calls == 1, "live may use all of it"


def test_live_alone_may_use_the_whole_share(redis: Redis) -> None:
    assert Limiter(redis, Wire()).grab("a", "contacts", 100, lane="live").calls == 8


def test_where_bulk_may_use_all_a_refused_live_call_gets_the_next(redis: Redis) -> None:
    """2 products a second leave us 2 in 1.25 seconds: none is kept free for live, so the order is kept otherwise."""
    clock = Wire()
    limiter = Limiter(redis, clock)
    assert limiter.grab("a", "products", 9, lane="bulk").calls == 2
    refused = limiter.grab("a", "products", 1, lane="live")
    assert refused.calls == 0 and refused.wait <= 1.25 * 61 / 60 + 0.001
    clock.at += refused.wait + 0.01
    assert limiter.grab("a", "products", 1, lane="bulk").calls == 0, "lower lanes are quicker and get nothing"
    assert limiter.grab("a", "products", 1, lane="live").calls == 1
    # When live does not come for it, it is not lost.
    clock.at += 5
    assert limiter.grab("a", "products", 1, lane="bulk").calls == 1


def test_a_lane_has_never_less_than_one_call(redis: Redis) -> None:
    """30 % of two calls is none."""
    assert Limiter(redis, Wire()).grab("a", "products", 9, lane="maintenance").calls == 1


def test_of_an_hour_bulk_leaves_live_a_few_calls_and_what_it_watches_may_have_them(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())
    assert limiter.grab("a", "other", 100, lane="bulk").calls == 77
    assert limiter.grab("a", "other", 1, lane="bulk").calls == 0
    assert limiter.grab("a", "other", 1, lane="watch").calls == 1
    assert limiter.grab("a", "other", 100, lane="live").calls == 2


def test_without_redis_lanes_hold_inside_the_process(redis: Redis) -> None:
    from connector.deps import connect_redis

    limiter = Limiter(connect_redis("redis://127.0.0.1:1"), Wire())
    assert limiter.grab("a", "email", 1000, lane="bulk").calls == 140
    assert limiter.grab("a", "email", 1000, lane="bulk").calls == 0
    assert limiter.grab("a", "email", 1000, lane="live").calls == 60


def _contend(redis_url: str, bulk_lane: str, seconds: float = 2.5) -> tuple[list[float], list[tuple[int, int]]]:
    """Twelve greedy threads for bulk; one live call every 0.1 s. How long each live call waited; all grants."""
    clock = SystemClock()
    made: list[tuple[int, int]] = []
    end = monotonic() + seconds

    def greedy() -> None:
        with closing(Redis.from_url(redis_url)) as redis:
            limiter = Limiter(redis, clock)
            while monotonic() < end:
                grant = limiter.grab("a", "contacts", 4, tier="extended", lane=bulk_lane)
                if grant.calls:
                    made.append((grant.slot, grant.calls))
                pause(0.005)

    threads = [threading.Thread(target=greedy) for _ in range(12)]
    waited = []
    with closing(Redis.from_url(redis_url)) as redis:
        limiter = Limiter(redis, clock)
        for thread in threads:
            thread.start()
        pause(0.3)
        while monotonic() < end - 1.2:
            began = monotonic()
            while not (grant := limiter.grab("a", "contacts", 1, tier="extended", lane="live")).calls:
                pause(0.005)
                if monotonic() > end:
                    break
            made.append((grant.slot, grant.calls))
            waited.append(monotonic() - began)
            pause(0.1)
    for thread in threads:
        thread.join()
    return waited, made


def _tries_that_waited(redis_url: str, lane: str) -> tuple[int, int]:
    waited, made = _contend(redis_url, lane)
    assert sum(calls for _, calls in made) > 60, "bulk uses its part"
    in_slots: Counter[int] = Counter()
    for slot, calls in made:
        in_slots[slot] += calls
    assert max(sum(in_slots[slot + i] for i in range(17)) for slot in list(in_slots)) <= 48
    # Below this it is the machine that is slow, not the limit.
    return sum(1 for one in waited if one > 0.25), len(waited)


def test_live_never_waits_behind_bulk(redis_url: str) -> None:
    late, calls = _tries_that_waited(redis_url, "bulk")
    assert calls >= 5 and late == 0


def test_without_lanes_live_starves(redis_url: str) -> None:
    """The control: the same greed in the live lane."""
    late, calls = _tries_that_waited(redis_url, "live")
    assert late > 0


@pytest.mark.parametrize("bucket", list(BUCKETS))
def test_parts_fall_with_rank(bucket: str) -> None:
    lanes = sorted(LANES.values(), key=lambda lane: lane.rank)
    parts = [lane.part_of(BUCKETS[bucket]) for lane in lanes]
    assert parts == sorted(parts, reverse=True) and parts[0] == 100
