"""A worker that has nothing to do listens for a moment: what comes then is taken at once and costs no job."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from connector.clock import monotonic
from connector.queue import bells

KIND = "intake"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def jobs(redis: Redis) -> int:
    return int(Queue(bells.QUEUE_OF_KIND[KIND], connection=redis, serializer=JSONSerializer).count)


def ring_after(seconds: float, redis: Redis, *shops: int) -> tuple[threading.Timer, list[bool]]:
    """Ring that much later; the list gets whether it became a job."""
    answers: list[bool] = []
    timer = threading.Timer(seconds, lambda: answers.append(bells.ring(redis, KIND, *shops)))
    timer.start()
    return timer, answers


def test_who_comes_while_somebody_listens_is_taken_without_a_job(redis: Redis) -> None:
    timer, answers = ring_after(0.1, redis, 7)
    assert bells.listen(redis, KIND, 5.0) == 7
    timer.join()
    assert answers == [False] and jobs(redis) == 0


def test_when_nobody_came_the_next_one_rings_again(redis: Redis) -> None:
    assert bells.listen(redis, KIND, 0.05) is None
    assert bells.ring(redis, KIND, 7) is True
    assert jobs(redis) == 1


def test_who_comes_while_a_worker_rests_only_gathers(redis: Redis) -> None:
    timer, answers = ring_after(0.1, redis, 7, 8)
    began = monotonic()
    assert bells.listen(redis, KIND, 5.0, after=0.5) == 7
    assert monotonic() - began >= 0.5
    timer.join()
    assert answers == [False]
    assert bells.next_shop(redis, KIND) == 8


def test_whoever_only_rests_takes_nobody_and_leaves_the_bell_free(redis: Redis) -> None:
    timer, answers = ring_after(0.05, redis, 7)
    assert bells.listen(redis, KIND, 0.0, after=0.2) is None
    timer.join()
    assert answers == [False] and bells.waiting(redis, KIND) == 1
    assert bells.ring(redis, KIND) is True, "the worker rings for those whom it found waiting"


def test_the_flag_of_a_job_that_has_not_begun_stays(redis: Redis) -> None:
    bells.ring(redis, KIND, 7)
    assert bells.listen(redis, KIND, 1.0) == 7
    assert bells.ring(redis, KIND, 8) is False and jobs(redis) == 1
    bells.clear(redis, KIND)
    assert bells.ring(redis, KIND, 8) is True


def test_control_without_listening_each_arrival_is_a_job(redis: Redis) -> None:
    for shop in (7, 8, 9):
        bells.clear(redis, KIND)
        assert bells.next_shop(redis, KIND) is None
        assert bells.ring(redis, KIND, shop) is True
        assert bells.next_shop(redis, KIND) == shop
    assert jobs(redis) == 3
