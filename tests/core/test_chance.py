from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.core import chance

SHARES = {"a": 20, "b": 30, "c": 50}


def test_shares_are_kept_and_splits_are_independent_of_one_another() -> None:
    n = 20_000
    one = [chance.pick(SHARES, chance.draw("flow", "one", str(person))) for person in range(n)]
    two = [chance.pick(SHARES, chance.draw("flow", "two", str(person))) for person in range(n)]
    for arm, share in SHARES.items():
        # Four standard deviations of a binomial: about 1 in 16,000 by accident, and always the same draw.
        room = 4 * (n * share / 100 * (1 - share / 100)) ** 0.5
        assert abs(Counter(one)[arm] - n * share / 100) < room
    both = Counter(zip(one, two, strict=True))
    assert abs(both["c", "c"] / n - 0.25) < 0.02


def test_a_known_draw_stays_what_it_is() -> None:
    """Changing the hash would move people between arms in the middle of a test."""
    assert chance.draw("cart", "urgency", "2b1f") == pytest.approx(KNOWN, abs=1e-9)


KNOWN = 69.06348309295997


def test_parts_do_not_run_together() -> None:
    assert chance.draw("ab", "c") != chance.draw("a", "bc")


@given(st.floats(0, 100, exclude_max=True))
def test_every_number_has_an_arm(number: float) -> None:
    assert chance.pick(SHARES, number) in SHARES


def test_shares_that_do_not_sum_up_are_an_error() -> None:
    with pytest.raises(ValueError, match="90"):
        chance.pick({"a": 90}, 95)
