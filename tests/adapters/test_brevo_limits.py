"""The limiter on a real Redis. A stepped wire clock shows the arithmetic, two processes show that it is shared."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from connector.brevo.buckets import BUCKETS, TIERS, Limit
from connector.brevo.limits import MEMORY, Limiter
from connector.deps import connect_redis


class Wire:
    """Only the wire clock, at a time that the test sets."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def wire(self) -> float:
        return self.at


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url)) as client:
        yield client


def test_a_share_is_granted_at_once_and_then_nothing_until_the_window_has_passed(redis: Redis) -> None:
    clock = Wire()
    limiter = Limiter(redis, clock)
    assert limiter.grab("a", "contacts", 50).calls == 8, "80 % of 10 a second"
    refused = limiter.grab("a", "contacts", 1)
    assert refused.calls == 0 and 1.0 <= refused.wait <= 1.0625
    clock.at += refused.wait - 0.01
    assert limiter.grab("a", "contacts", 1).calls == 0
    clock.at += 0.02
    assert limiter.grab("a", "contacts", 50).calls == 8


def test_a_share_that_is_no_whole_number_of_calls_is_a_longer_window(redis: Redis) -> None:
    """80 % of 2 a second, which is 8 in 5 seconds, and never more than 2 in any one."""
    clock = Wire()
    limiter, grants = Limiter(redis, clock), []
    for _ in range(1200):
        clock.at += 0.1
        grants.append((clock.at, limiter.grab("a", "products", 9).calls))
    assert _most_in_a_window(grants, 1.0) == 2
    assert 1.6 * 120 * 60 / 61 - 4 <= sum(calls for _, calls in grants) <= 1.6 * 120 + 2


def test_buckets_accounts_and_tiers_are_apart(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())
    assert limiter.grab("a", "contacts", 100).calls == 8
    assert limiter.grab("a", "events", 100).calls == 8
    assert limiter.grab("b", "contacts", 100).calls == 8
    assert limiter.grab("c", "contacts", 100, tier="extended").calls == 48
    assert limiter.grab("a", "other", 100).calls == 80


def test_nothing_is_granted_when_less_than_the_least_is_free(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())
    assert limiter.grab("a", "contacts", 6).calls == 6
    assert limiter.grab("a", "contacts", 3, at_least=3).calls == 0
    assert limiter.grab("a", "contacts", 3).calls == 2


def test_calls_that_were_not_made_come_back(redis: Redis) -> None:
    clock = Wire()
    limiter = Limiter(redis, clock)
    grant = limiter.grab("a", "contacts", 8)
    clock.at += 0.5
    limiter.give_back("a", "contacts", grant, 5)
    assert limiter.grab("a", "contacts", 8).calls == 5
    # The three that were made still count where they were made.
    clock.at += 0.57
    assert limiter.grab("a", "contacts", 8).calls == 3


def _most_in_a_window(grants: list[tuple[float, int]], seconds: float) -> int:
    return max((sum(n for at, n in grants if start <= at < start + seconds) for start, _ in grants), default=0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 12)), min_size=1, max_size=40))
def test_no_window_ever_holds_more_than_the_share(redis: Redis, steps: list[tuple[float, int]]) -> None:
    redis.flushdb()
    clock = Wire()
    limiter = Limiter(redis, clock)
    grants = []
    for pause, wanted in steps:
        clock.at += pause
        grants.append((clock.at, limiter.grab("a", "contacts", wanted).calls))
    assert _most_in_a_window(grants, 1.0) <= 8
    # The control: the same wishes without the limiter.
    unlimited = [(at, wanted) for (at, _), (_, wanted) in zip(grants, steps, strict=True)]
    assert _most_in_a_window(unlimited, 1.0) >= _most_in_a_window(grants, 1.0)


_WORKER = textwrap.dedent(
    """
    import json, sys, time
    from redis import Redis
    from connector.brevo.limits import Limiter
    from connector.clock import SystemClock
    url, until, limited = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "limited"
    clock = SystemClock()
    limiter, made = Limiter(Redis.from_url(url), clock), []
    while time.time() < until:
        grant = limiter.grab("a", "contacts", 2)
        made += [grant.slot / 16] * grant.calls if limited else [clock.wire()]
        time.sleep(0.02)
    print(json.dumps(made))
    """
)


@pytest.mark.parametrize(("mode", "holds"), [("limited", True), ("control", False)])
def test_two_processes_share_one_bucket(redis_url: str, mode: str, holds: bool) -> None:
    import time

    until = time.time() + 3.5
    command = [sys.executable, "-c", _WORKER, redis_url, str(until), mode]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [json.loads(worker.communicate(timeout=30)[0]) for worker in workers]
    # By the slots of the bucket: when a busy machine lets a process note it is no matter of the limiter.
    grants = sorted((at, 1) for one in made for at in one)
    assert all(made), "both got their turn"
    assert (_most_in_a_window(grants, 17 / 16) <= 8) is holds


def test_a_429_stops_the_bucket_until_its_window_ends(redis: Redis) -> None:
    clock = Wire()
    limiter = Limiter(redis, clock)
    limiter.observe("a", "contacts", 429, {"x-sib-ratelimit-reset": "12"})
    refused = limiter.grab("a", "contacts", 1)
    assert refused.calls == 0 and 11.9 < refused.wait <= 12.1
    assert limiter.grab("a", "events", 1).calls == 1
    clock.at += 12.1
    assert limiter.grab("a", "contacts", 1).calls == 1


def test_what_is_left_for_others_stays_left_for_others(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())

    def told(remaining: int) -> dict[str, str]:
        return {
            "x-sib-ratelimit-limit": "100",
            "x-sib-ratelimit-remaining": str(remaining),
            "x-sib-ratelimit-reset": "60",
        }

    limiter.observe("a", "other", 200, told(20))
    assert limiter.grab("a", "other", 1).calls == 1, "our own 80 are within the share"
    limiter.observe("a", "other", 200, told(19))
    assert limiter.grab("a", "other", 1).calls == 0


def told(limit: float, reset: float | None = 1, remaining: float | None = None) -> dict[str, str]:
    headers = {"x-sib-ratelimit-limit": f"{limit:g}", "x-sib-ratelimit-remaining": f"{remaining or limit:g}"}
    return headers if reset is None else {**headers, "x-sib-ratelimit-reset": f"{reset:g}"}


def test_a_learned_limit_holds_for_all_processes_and_is_forgotten_after_a_time(redis: Redis) -> None:
    clock = Wire()
    one, other = Limiter(redis, clock), Limiter(redis, clock)
    one.observe("a", "contacts", 200, told(20))
    assert one.limit("a", "contacts") == other.limit("a", "contacts") == Limit(20, 1)
    assert other.grab("a", "contacts", 100).calls == 16
    clock.at += MEMORY - 1
    assert other.grab("a", "contacts", 100).calls == 16
    # Told again by an answer to that call, it is held for as long again.
    other.observe("a", "contacts", 200, told(20))
    clock.at += MEMORY - 1
    assert other.grab("a", "contacts", 100).calls == 16
    clock.at += 2
    assert other.grab("a", "contacts", 100).calls == 8 and one.limit("a", "contacts") == Limit(10, 1)


def test_what_was_learned_is_learned_again_when_redis_was_emptied(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())
    for _ in range(2):
        limiter.observe("a", "contacts", 200, told(20))
        assert limiter.limit("a", "contacts") == Limit(20, 1)
        redis.flushdb()
        assert limiter.grab("a", "contacts", 1).calls == 1 and limiter.limit("a", "contacts") == Limit(10, 1)


def test_a_limit_by_the_hour_changes_the_window_and_forgets_no_call(redis: Redis) -> None:
    """An endpoint that turns out to allow 50 an hour, in a bucket that was taken for 10 a second."""
    clock = Wire()
    limiter = Limiter(redis, clock)
    assert limiter.grab("a", "contacts", 8).calls == 8
    limiter.observe("a", "contacts", 200, told(50, reset=3000))
    clock.at += 2
    limiter.observe("a", "contacts", 200, told(50, reset=2998))
    assert limiter.limit("a", "contacts") == Limit(50, 3600)
    # Two seconds later the calls of before have left a window of a second, so they are not counted any more.
    assert limiter.grab("a", "contacts", 100).calls == 40
    assert 3600 <= limiter.grab("a", "contacts", 1).wait <= 3825
    clock.at += 1800
    assert limiter.grab("a", "contacts", 1).calls == 0
    # Back to seconds: what the hour counted is taken for new.
    for _ in range(2):
        limiter.observe("a", "contacts", 200, told(20))
    assert limiter.grab("a", "contacts", 1).calls == 0
    clock.at += 1.1
    assert limiter.grab("a", "contacts", 100).calls == 16


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-sib-ratelimit-reset": "7"}, 7),
        # May have been rounded down.
        ({"x-sib-ratelimit-reset": "0"}, 1),
        ({}, 1),
    ],
)
def test_a_429_closes_the_bucket_with_and_without_the_time(
    redis: Redis, headers: dict[str, str], seconds: float
) -> None:
    clock = Wire()
    limiter, other = Limiter(redis, clock), Limiter(redis, clock)
    limiter.observe("a", "contacts", 429, headers)
    assert other.blocked("a", "contacts") == other.grab("a", "contacts", 1).wait == pytest.approx(seconds)
    assert other.blocked("a", "events") == 0
    # A later word never opens it sooner: answers overtake each other.
    limiter.observe("a", "contacts", 429, {"x-sib-ratelimit-reset": "1"})
    assert other.blocked("a", "contacts") == pytest.approx(seconds)
    clock.at += seconds
    assert other.blocked("a", "contacts") == 0 and other.grab("a", "contacts", 1).calls == 1


def test_a_429_of_an_hourly_bucket_that_does_not_say_when_is_asked_again_in_minutes(redis: Redis) -> None:
    limiter = Limiter(redis, Wire())
    limiter.observe("a", "other", 429, {})
    assert limiter.blocked("a", "other") == pytest.approx(300)


def test_the_arithmetic_of_a_backlog_is_what_the_limiter_does(redis: Redis) -> None:
    for bucket, calls, lane in (
        ("contacts", 100, "live"),
        ("products", 5, "live"),
        ("contacts", 60, "bulk"),
        ("other", 200, "bulk"),
    ):
        clock = Wire()
        limiter = Limiter(redis, clock)
        # Some are used already.
        limiter.grab("a", bucket, 2)
        clock.at += BUCKETS[bucket].seconds / 3
        began, left = clock.at, calls
        expected = limiter.drain_seconds("a", bucket, calls, lane=lane)
        while left:
            grant = limiter.grab("a", bucket, left, lane=lane)
            left -= grant.calls
            clock.at += grant.wait + 1e-6 if left else 0
        # The first window may begin anywhere in its slot.
        slack = BUCKETS[bucket].seconds / 16 + 0.001
        assert expected - slack <= clock.at - began <= expected + slack, (bucket, calls, lane)
        redis.flushdb()
    limiter.observe("a", "contacts", 429, {"x-sib-ratelimit-reset": "30"})
    assert limiter.drain_seconds("a", "contacts", 8) == pytest.approx(30), "what is closed is waited for first"


@pytest.mark.parametrize("headers", [{}, {"x-sib-ratelimit-limit": "many"}, {"x-sib-ratelimit-remaining": ""}])
def test_missing_and_broken_headers_change_nothing(redis: Redis, headers: dict[str, str]) -> None:
    limiter = Limiter(redis, Wire())
    limiter.observe("a", "contacts", 200, headers)
    assert limiter.grab("a", "contacts", 100).calls == 8


def test_without_redis_each_process_keeps_to_a_quarter_of_the_share() -> None:
    clock = Wire()
    limiter = Limiter(connect_redis("redis://127.0.0.1:1"), clock)
    grant = limiter.grab("a", "contacts", 10)
    assert grant.calls == 2
    limiter.give_back("a", "contacts", grant, 1)
    assert limiter.grab("a", "contacts", 10).wait == pytest.approx(1.0)
    limiter.observe("a", "contacts", 429, {"x-sib-ratelimit-reset": "5"})
    assert limiter.grab("a", "contacts", 10).wait == limiter.blocked("a", "contacts") == pytest.approx(5.0)
    clock.at += 5.01
    assert limiter.blocked("a", "contacts") == 0 and limiter.grab("a", "contacts", 10).calls == 2
    assert limiter.limit("a", "contacts") == Limit(10, 1), "the table's, without Redis"


def test_a_fast_wire_clock_keeps_its_precision(redis: Redis) -> None:
    clock = Wire(1_800_000_000.0 * 5_000)
    limiter = Limiter(redis, clock)
    assert limiter.grab("a", "contacts", 10).calls == 8
    clock.at += 1.07
    assert limiter.grab("a", "contacts", 10).calls == 8


def test_every_bucket_has_a_number_for_every_tier() -> None:
    for name, bucket in BUCKETS.items():
        limits = [bucket.limit(tier).calls for tier in TIERS]
        assert limits == sorted(limits) and limits[0] >= 1, name
