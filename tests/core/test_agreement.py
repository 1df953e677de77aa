"""Whether conditions can hold together: held against what evaluating them says of many people."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core.agreement import NOTHING, forgotten, learned, of_person, together
from flows.core.conditions import evaluate, from_data, truth
from tests.core.examples import T0

NUMBERS: list[Any] = [None, 0, 1, 2, 3, 5, 10]
COUNTRIES: list[Any] = [None, "FR", "BE", "DE"]
LEAVES = st.one_of(
    st.builds(
        lambda op, value: {"person.orders_count": {op: value}},
        st.sampled_from(["gt", "gte", "lt", "lte", "eq", "ne"]),
        st.sampled_from([0, 1, 3, 5]),
    ),
    st.builds(lambda low: {"person.orders_count": {"between": [low, low + 2]}}, st.sampled_from([0, 1, 3])),
    st.builds(
        lambda op, value: {"person.country": {op: value}}, st.sampled_from(["eq", "ne"]), st.sampled_from(["FR", "BE"])
    ),
    st.builds(
        lambda op, values: {"person.country": {op: values}},
        st.sampled_from(["in", "not_in"]),
        st.lists(st.sampled_from(["FR", "BE", "DE"]), min_size=1, max_size=2, unique=True),
    ),
    st.builds(lambda value: {"person.country": {"exists": value}}, st.booleans()),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda kind, parts: {kind: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)
        ),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=5,
)
PEOPLE = [{"person": {"orders_count": n, "country": c}} for n, c in product(NUMBERS, COUNTRIES)]


@settings(max_examples=150, deadline=None)
@given(CONDITIONS, CONDITIONS)
def test_what_is_said_to_be_impossible_is_true_of_nobody(one: Any, other: Any) -> None:
    """And so on a way where the first was answered with no, or not at all."""
    first, second = from_data(one), from_data(other)
    both = learned(learned(NOTHING, first), second)
    instead = learned(learned(NOTHING, first, "not yes"), second)
    for facts in PEOPLE:
        answers = [truth(evaluate(condition, facts, T0)) for condition in (first, second)]
        if answers[1] == "yes":
            assert both or answers[0] != "yes", facts
            assert instead or answers[0] == "yes", facts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"person.orders_count": 0}, {"person.orders_count": {"gte": 1}}),
        ({"person.orders_count": {"gt": 5}}, {"person.orders_count": {"lte": 5}}),
        ({"person.orders_count": {"between": [1, 3]}}, {"person.orders_count": {"gt": 3}}),
        ({"person.country": "FR"}, {"person.country": "BE"}),
        ({"person.country": "FR"}, {"person.country": {"not_in": ["FR", "BE"]}}),
        ({"person.tags": {"contains": "vip"}}, {"not": {"person.tags": {"contains": "vip"}}}),
        ({"person.phone": {"exists": False}}, {"person.phone": {"starts_with": "+33"}}),
        ({"person.total_spent": {"gt": "50 EUR"}}, {"person.total_spent": {"lt": "20 EUR"}}),
        ({"person.last_order_at": {"within_last": "7d"}}, {"not": {"person.last_order_at": {"within_last": "30d"}}}),
        ({"any": [{"person.country": "FR"}, {"person.country": "BE"}]}, {"person.country": "DE"}),
        ({"segment.vip": True}, {"segment.vip": False}),
    ],
)
def test_opposites_are_told(one: Any, other: Any) -> None:
    """What the test above does not ask: that anything is told at all."""
    assert not together(from_data(one), from_data(other))
    assert together(from_data(one), None) and together(from_data(one), from_data(one))


def test_amounts_of_different_currencies_are_not_compared() -> None:
    spent = [from_data({"person.total_spent": {op: value}}) for op, value in (("gt", "50 EUR"), ("lt", "20 USD"))]
    assert together(*spent)


def test_what_may_have_changed_is_forgotten() -> None:
    known = learned(NOTHING, from_data({"person.country": "FR", "event.total": {"gt": 10}}))
    less = forgotten(known, lambda field: not of_person(field))
    assert learned(less, from_data({"person.country": "BE"})) and not learned(
        known, from_data({"person.country": "BE"})
    )
    assert not learned(less, from_data({"event.total": {"lt": 5}}))
    # Nothing that was told apart by what is forgotten stays apart.
    assert len(forgotten(learned(NOTHING, from_data({"any": [{"person.country": "FR"}, {"person.country": "BE"}]})),
                         lambda field: False)) == 1  # fmt: skip
