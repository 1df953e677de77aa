"""What is believed of the rate-limit headers, as tables."""

from __future__ import annotations

import pytest

from connector.brevo.buckets import BUCKETS, Limit
from connector.brevo.headers import APART, Hearsay, Told, believed, told

CONTACTS, OTHER, LOG = BUCKETS["contacts"], BUCKETS["other"], BUCKETS["email_log"]
TEN, HUNDRED = Limit(10, 1), Limit(100, 3600)


def headers(limit: str, remaining: str = "1", reset: str | None = "1") -> dict[str, str]:
    found = {"x-sib-ratelimit-limit": limit, "x-sib-ratelimit-remaining": remaining}
    return found if reset is None else {**found, "x-sib-ratelimit-reset": reset}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (headers("10", "9", "1"), Told(10, 9, 1.0)),
        (headers("36000", "35999", "3599"), Told(36000, 35999, 3599.0)),
        (headers("10", "10", None), Told(10, 10, None)),
        # What cannot be true.
        (headers("0", "0"), None),
        (headers("-5", "-6"), None),
        (headers("10", "11"), None),
        (headers("10.5", "1"), None),
        (headers("nan"), None),
        (headers("inf"), None),
        (headers("many"), None),
        (headers("10", "9", "86400"), None),
        (headers("10", "9", "soon"), None),
        (headers("10", "9", "-1"), None),
        ({"x-sib-ratelimit-limit": "10"}, None),
        ({}, None),
    ],
)
def test_headers_that_cannot_be_true_are_not_read(sent: dict[str, str], read: Told | None) -> None:
    assert told(sent) == read


@pytest.mark.parametrize(
    ("bucket", "held", "limit", "reset", "limit_then"),
    [
        # The table, of any tier, by the window or by the hour, with or without the time.
        (CONTACTS, TEN, 20, 1, Limit(20, 1)),
        (CONTACTS, TEN, 72_000, 1800, Limit(20, 1)),
        (CONTACTS, Limit(60, 1), 10, None, TEN),
        (OTHER, HUNDRED, 600, 3000, Limit(600, 3600)),
        (LOG, Limit(2, 1), 18_000, 3599, Limit(5, 1)),
        # Lower than what is held, in no column: at once.
        (CONTACTS, TEN, 6, 1, Limit(6, 1)),
        (CONTACTS, TEN, 18_000, 1800, Limit(5, 1)),
        (CONTACTS, TEN, 3_700, 1800, Limit(3_700, 3600)),
        (OTHER, HUNDRED, 50, 3000, Limit(50, 3600)),
        # Higher, or less than a tenth: not on one word.
        (CONTACTS, TEN, 25, 1, None),
        (CONTACTS, TEN, 90_000, 1800, None),
        (CONTACTS, TEN, 50_000, 1, None),
        (CONTACTS, TEN, 1, 3000, None),
        (OTHER, HUNDRED, 1, 3000, None),
        (OTHER, HUNDRED, 5, 1, None),
        # In no column, and of which window nobody knows.
        (CONTACTS, TEN, 17, None, None),
        # A number of the table that is an hour's: 60 an hour are not 60 a second.
        (CONTACTS, TEN, 60, 3000, None),
    ],
)
def test_one_answer(held: Limit, bucket: object, limit: int, reset: float | None, limit_then: Limit | None) -> None:
    belief, _ = believed(bucket, held, Told(limit, limit, reset), None, 100.0)  # type: ignore[arg-type]
    assert belief == limit_then
    if belief is not None:
        hourly = reset is not None and reset > 1
        assert belief.rate <= limit / (3600 if hourly or limit > 3600 or bucket is OTHER else 1) + 1e-9


@pytest.mark.parametrize(
    ("bucket", "held", "limit", "reset", "limit_then"),
    [
        (CONTACTS, TEN, 25, 1, Limit(25, 1)),
        (CONTACTS, TEN, 90_000, 1800, Limit(25, 1)),
        (CONTACTS, TEN, 100, 3000, Limit(100, 3600)),
        # A bucket that was taken for an hourly one and is not.
        (OTHER, HUNDRED, 5, 1, Limit(5, 1)),
    ],
)
def test_the_same_twice_is_believed_when_time_has_passed(
    bucket: object, held: Limit, limit: int, reset: float, limit_then: Limit
) -> None:
    said = Told(limit, limit, reset)
    belief, hearsay = believed(bucket, held, said, None, 100.0)  # type: ignore[arg-type]
    assert belief is None and hearsay is not None
    # The control: a second answer in the same moment says nothing more.
    assert believed(bucket, held, said, hearsay, 100.0 + APART - 0.1) == (None, hearsay)  # type: ignore[arg-type]
    assert believed(bucket, held, said, hearsay, 100.0 + APART) == (limit_then, None)  # type: ignore[arg-type]


def test_an_odd_answer_between_true_ones_teaches_nothing() -> None:
    """The last second of an hourly window looks like a limit by the second, once an hour for a second."""
    hearsay: Hearsay | None = None
    held = Limit(50_000 / 3600, 1)
    for now, reset in ((0.0, 2), (1.0, 1), (1.9, 0), (3.0, 3599), (5.5, 3597), (3601.0, 1), (3604.0, 3596)):
        belief, hearsay = believed(CONTACTS, held, Told(50_000, 40_000, reset), hearsay, now)
        assert belief in (None, held), (now, belief)


def test_a_bucket_that_holds_two_endpoints_goes_by_the_lower() -> None:
    """100 an hour from the one, 5 a second from the other, in turn."""
    held, hearsay = HUNDRED, None
    for step in range(20):
        said = Told(5, 4, 1) if step % 2 else Told(100, 99, 3000)
        belief, hearsay = believed(OTHER, held, said, hearsay, step * 10.0)
        held = belief or held
        assert held == HUNDRED


def test_ten_a_second_in_an_hourly_bucket_is_slow_at_first_and_then_believed() -> None:
    belief, hearsay = believed(OTHER, HUNDRED, Told(10, 9, 1), None, 0.0)
    assert belief == Limit(10, 3600)
    assert believed(OTHER, belief, Told(10, 9, 1), hearsay, 30.0) == (Limit(10, 1), None)
