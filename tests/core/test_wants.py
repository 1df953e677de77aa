"""What would have to be otherwise for a condition to hold: named leaf by leaf, and enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core.conditions import All, AnyOf, Condition, Leaf, Not, Yes, evaluate, from_data
from flows.core.operators import OPERATORS
from flows.core.wants import Want, in_words, wanted

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
FIELDS = ("a", "b", "c", "d", "e")
FACTS = st.fixed_dictionaries({name: st.sampled_from((True, False, None)) for name in FIELDS})


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(several.map(All), several.map(AnyOf), parts.map(Not))


LEAVES = st.sampled_from(FIELDS).map(lambda name: Leaf(f"f.{name}", "eq", True))
CONDITIONS = st.recursive(LEAVES, joined, max_leaves=8)


def holds(condition: Condition, known: dict[str, Any]) -> bool:
    return isinstance(evaluate(condition, {"f": known}, NOW), Yes)


def granted(known: dict[str, Any], wants: tuple[Want, ...]) -> dict[str, Any]:
    return {**known, **{want.found.leaf.field.removeprefix("f."): want.holds for want in wants}}


@settings(max_examples=150)
@given(CONDITIONS, FACTS)
def test_what_is_named_is_enough_and_all_of_it_is_needed(condition: Condition, known: dict[str, Any]) -> None:
    """Unless two of the leaves contradict each other, as one fact is asked for twice."""
    wants = wanted(condition, {"f": known}, NOW)
    assert (wants == ()) == holds(condition, known)
    fields = [want.found.leaf.field for want in wants]
    if len(set(fields)) < len(fields) or _asked_twice(condition):
        return
    assert holds(condition, granted(known, wants))
    for want in wants:
        assert not holds(condition, granted(known, tuple(one for one in wants if one != want)))


def test_the_leaf_that_decided_is_not_enough() -> None:
    """The control: what `evaluate` gives as its reason is one of several that stand in the way."""
    both = from_data({"f.a": True, "f.b": True})
    known = {"a": False, "b": False}
    assert len(wanted(both, {"f": known}, NOW)) == 2
    decided = evaluate(both, {"f": known}, NOW).because
    assert not holds(both, granted(known, (Want(decided, True),)))


def _asked_twice(condition: Condition) -> bool:
    def fields(of: Condition) -> list[str]:
        match of:
            case Leaf(field=name):
                return [name]
            case Not(of=inner):
                return fields(inner)
            case All(of=parts) | AnyOf(of=parts):
                return [name for part in parts for name in fields(part)]

    found = fields(condition)
    return len(set(found)) < len(found)


def test_the_shortest_way_is_named_and_what_happened_is_left_alone() -> None:
    both = from_data({"any": [{"p.x": 1, "p.y": 2}, {"p.z": 3}]})
    assert [want.found.leaf.field for want in wanted(both, {"p": {"x": 0, "y": 0, "z": 0}}, NOW)] == ["p.z"]
    past = from_data({"any": [{"event.total": {"gt": 5}}, {"p.x": 1, "p.y": 2}]})
    facts = {"p": {"x": 0, "y": 0}, "event": {"total": 1}}
    assert [want.found.leaf.field for want in wanted(past, facts, NOW)] == ["p.x", "p.y"]


@pytest.mark.parametrize(
    ("written", "person", "sentence"),
    [
        ({"person.orders_count": 0}, {"orders_count": 3}, "person.orders_count is 0 (it is 3)"),
        ({"person.tags": {"contains": "vip"}}, {"tags": ["b2b", "old"]}, "person.tags has vip (it is b2b, old)"),
        ({"person.country": {"in": ["FR", "BE"]}}, {}, "person.country is one of FR, BE (is not known)"),
        ({"person.city": {"starts_with": "New"}}, {"city": None}, "person.city begins with New (is empty)"),
        ({"not": {"person.email": {"exists": True}}}, {"email": "a@b.c"}, "person.email is empty (it is a@b.c)"),
        (
            {"person.total_spent": {"gt": 9}},
            {"total_spent": "x"},
            "person.total_spent is more than 9 (it is no number)",
        ),
    ],
)
def test_in_words(written: dict[str, Any], person: dict[str, Any], sentence: str) -> None:
    (want,) = wanted(from_data(written), {"person": person}, NOW)
    assert want.sentence() == sentence


def test_every_operator_can_be_said_both_ways() -> None:
    for name, operator in OPERATORS.items():
        leaf = Leaf("person.x", name, operator.example)
        assert in_words(leaf) != in_words(leaf, False)
        assert "_" not in in_words(leaf).removeprefix("person.x").replace("product_id", "")


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ({"person.at": {"before": "30d ago"}}, 20),
        ({"not": {"person.at": {"within_last": "30d"}}}, 20),
        ({"not": {"person.at": {"after": "2w ago"}}}, 4),
        ({"person.at": {"before": "2026-01-01"}}, None),
        ({"person.at": {"after": "2w ago"}, "person.x": 1}, None),
    ],
)
def test_when_time_alone_makes_it_true(written: dict[str, Any], days: int | None) -> None:
    condition = from_data(written)
    facts = {"person": {"at": (NOW - timedelta(days=10)).isoformat(), "x": 0}}
    ripe = wanted(condition, facts, NOW)[0].comes_true_at(NOW)
    assert ripe == (None if days is None else NOW + timedelta(days=days))
    if ripe is not None:
        assert not isinstance(evaluate(condition, facts, ripe - timedelta(seconds=1)), Yes)
        assert isinstance(evaluate(condition, facts, ripe + timedelta(seconds=1)), Yes)
