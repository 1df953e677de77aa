"""The order in which words about somebody's standing are heard does not matter."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.loyalty import metafields, tags
from sync.loyalty.standing import Standing, Word, as_columns, from_row, hear, newer
from tests.engine.installation import START

TRUSTED = frozenset({"api"})
KEYS: dict[str, Any] = {
    "points": "loyalty.points", "tier": "loyalty.tier", "reward": None, "expires_at": "loyalty.end", "tiers": [],
    "tier_tag": "tier:",
}  # fmt: skip

_values = st.fixed_dictionaries(
    {}, optional={"points": st.none() | st.integers(0, 9), "tier": st.none() | st.sampled_from(["a", "b"])}
)


def after(words: Any, trusted: frozenset[str] = TRUSTED) -> Standing:
    standing = Standing()
    for word in words:
        standing, _ = hear(standing, word, trusted=trusted)
    return standing


@given(st.lists(_values, max_size=4))
@settings(max_examples=60, deadline=None)
def test_words_of_different_moments_come_to_the_same_in_any_order_and_number(values: list[dict[str, Any]]) -> None:
    words = [Word(one, START + timedelta(seconds=n), "api") for n, one in enumerate(values)]
    expected = after(words)
    for order in permutations(words):
        found = after([*order, *order])
        assert found.values == expected.values
    for cut in range(len(words) + 1):
        assert newer(after(words[:cut]), after(words[cut:])).values == expected.values
        assert newer(after(words[cut:]), after(words[:cut])).values == expected.values
    assert from_row(as_columns(expected)) == expected


def test_by_what_is_heard_last_it_would_not() -> None:
    """The control."""
    first, second = (Word({"points": n}, START + timedelta(seconds=n), "api") for n in (1, 2))
    nobody = frozenset[str]()
    assert after([second, first], nobody).values != after([first, second], nobody).values


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("points", "120", {"points": 120}), ("points", "120.9", {"points": 120}), ("points", "many", {}),
        ("points", "-5", {}), ("points", "1e400", {}), ("points", "NaN", {}), ("points", "", {"points": None}),
        ("tier", " Gold ", {"tier": "Gold"}), ("tier", "x" * 101, {}), ("end", "soon", {}),
    ],
)  # fmt: skip
def test_a_metafield_that_cannot_be_read_says_nothing(key: str, value: str, told: dict[str, Any]) -> None:
    node = {"metafields": {"nodes": [{"namespace": "loyalty", "key": key, "value": value}]}}
    silent = {name: None for name in ("points", "tier", "expires_at") if name != {"end": "expires_at"}.get(key, key)}
    assert metafields.told(KEYS, node) == silent | told
    assert metafields.told(KEYS, {}) == {} == tags.told(KEYS, {})


def test_an_end_is_a_day_or_a_moment() -> None:
    def end(value: str) -> Any:
        node = {"metafields": {"nodes": [{"namespace": "loyalty", "key": "end", "value": value}]}}
        return metafields.told(KEYS, node)["expires_at"].isoformat()

    assert end("2027-01-31") == "2027-01-31T23:59:00+00:00"
    assert end("2027-01-31T10:00:00") == "2027-01-31T10:00:00+00:00"
    assert end("2027-01-31T10:00:00+02:00") == "2027-01-31T10:00:00+02:00"
