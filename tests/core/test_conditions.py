from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.core import conditions
from flows.core.conditions import from_data
from flows.core.operators import OPERATORS
from tests.core.examples import T0

FACTS: dict[str, Any] = {
    "person": {
        "first_name": "Ana",
        "orders_count": 3,
        "total_spent": "120.50",
        "tags": ["vip", "b2b"],
        "country": "FR",
        "city": None,
        "last_order_at": "2026-10-20T09:00:00+00:00",
        "consent": {"email": "subscribed"},
        "is_new": False,
    },
}


def ask(data: Any, facts: Any = FACTS) -> str:
    return conditions.truth(conditions.evaluate(from_data(data), facts, T0))


# operator, value, a fact that is yes, one that is no, one that cannot be told
TABLE = [
    ("eq", "FR", "FR", "BE", ["FR"]),
    ("eq", 3, "3.0", 4, "three"),
    ("eq", True, True, False, "true"),
    ("ne", "FR", "BE", "FR", 5),
    ("gt", 100, "100.01", 100, "many"),
    ("gte", 100, 100, 99.9, None),
    ("lt", 100, "99.99", 100, True),
    ("lte", 100, 100, "100.01", "nan"),
    ("between", [20, 50], "50.00", 50.01, "many"),
    ("between", [20, 50], 20, 19.99, None),
    ("in", ["FR", "BE"], "BE", "DE", ["FR"]),
    ("not_in", ["FR", "BE"], "DE", "FR", 7),
    ("contains", "vip", ["a", "vip"], ["a"], 7),
    ("contains", "ab", "cABd", "acbd", None),
    ("contains_any", ["vip", "b2b"], ["b2b"], ["press"], 7),
    ("contains_any", ["red", "blue"], "Dark Blue", "green", None),
    ("contains_all", ["vip", "b2b"], ["b2b", "vip"], ["vip"], True),
    ("starts_with", "FR", "fr-CA", "de-FR", 4),
    ("ends_with", "@Example.com", "ana@example.COM", "ana@example.org", ["x"]),
    ("exists", True, "x", "", None),
    ("exists", False, [], "x", None),
    ("before", "30d ago", "2026-09-01", "2026-10-30", "yesterday"),
    ("after", "2026-11-01", "2026-11-02T00:00:00+00:00", "2026-10-31", 20261102),
    ("within_last", "30d", "2026-10-03T10:00:00+00:00", "2026-10-03T09:59:59+00:00", "lately"),
    ("within_last", "30d", "2026-11-02T10:00:00+00:00", "2026-11-02T10:00:01+00:00", 3),
    ("within_next", "7d", "2026-11-09T10:00:00+00:00", "2026-11-09T10:00:01+00:00", "soon"),
    ("within_next", "7d", "2026-11-02T10:00:00+00:00", "2026-11-02T09:59:59+00:00", None),
    ("on_day", "02-29", "2024-02-29", "2024-02-28", "29 February"),
    ("on_day", "12-24", "1990-12-24T22:30:00+00:00", "1990-12-23T22:30:00+00:00", 1224),
    ("in_month", [11, 12], "1990-11-01", "1990-10-31", "November"),
    ("some", {"id": 7}, [{"id": 1}, {"id": 7}, {}], [{"id": 1}], [{"id": 1}, {}]),
    ("some", {"price": {"lt": 5}}, [{"price": "4.99"}], [], "shoes"),
    ("every", {"price": {"lt": 5}}, [{"price": 1}, {"price": 2}], [{"price": 1}, {"price": 9}, {}], [{"price": 1}, {}]),
    ("every", {"id": 7}, [{"id": 7}], [], 7),
]


@pytest.mark.parametrize(("op", "value", "yes", "no", "unclear"), TABLE)
def test_each_operator_answers_yes_no_or_cannot_tell(op: str, value: Any, yes: Any, no: Any, unclear: Any) -> None:
    condition = {"person.x": {op: value}}
    assert ask(condition, {"person": {"x": yes}}) == "yes"
    assert ask(condition, {"person": {"x": no}}) == "no"
    if op != "exists":
        assert ask(condition, {"person": {"x": unclear}}) == "cannot tell"
        assert ask(condition, {"person": {}}) == "cannot tell"
    assert ask(condition, {}) == "cannot tell"


def test_the_table_has_every_operator() -> None:
    assert {op for op, *_ in TABLE} == set(OPERATORS)


def test_absent_in_a_loaded_family_does_not_exist() -> None:
    assert ask({"person.nickname": {"exists": True}}) == "no"
    assert ask({"person.nickname": {"exists": False}}) == "yes"
    assert ask({"person.city": {"exists": True}}) == "no"
    assert ask({"order.id": {"exists": True}}) == "cannot tell"


def test_empty_is_known_to_be_nothing() -> None:
    assert ask({"person.city": "Paris"}) == "no"
    assert ask({"person.city": {"ne": "Paris"}}) == "yes"
    assert ask({"person.city": {"in": ["Paris"]}}) == "no"
    assert ask({"person.city": {"contains": "Par"}}) == "cannot tell"
    assert ask({"person.city.district": "11"}) == "no"


@pytest.mark.parametrize(
    ("field", "zone", "value"),
    [
        ("now.date", "Europe/Paris", "2026-11-02"),
        ("now.hour", "Europe/Paris", 11),
        ("now.weekday", "Europe/Paris", "monday"),
        ("now.weekday", "Pacific/Auckland", "monday"),
        ("now.hour", "Pacific/Kiritimati", 0),
        ("now.weekday", "Pacific/Kiritimati", "tuesday"),
        ("now.day", "Pacific/Kiritimati", 3),
        ("now.month", "Pacific/Kiritimati", 11),
    ],
)
def test_what_it_is_where_the_person_lives(field: str, zone: str, value: Any) -> None:
    assert ask({field: value}, {"person": {"timezone": zone}}) == "yes"


def test_days_of_the_year_are_those_where_the_person_lives() -> None:
    party = {"person": {"at": "2026-12-24T23:30:00+00:00", "timezone": "Europe/Paris"}}
    assert ask({"person.at": {"on_day": "12-25"}}, party) == "yes"
    assert ask({"person.at": {"on_day": "12-24"}}, {"person": {**party["person"], "timezone": "UTC"}}) == "yes"
    assert conditions.needs(from_data({"event.at": {"in_month": [1]}})) == {"event", "person", "shop"}
    assert conditions.needs(from_data({"now.month": 12})) == {"person", "shop"}


YES, NO, UNCLEAR = {"person.orders_count": 3}, {"person.orders_count": 4}, {"order.total": 1}


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"all": [YES, YES]}, "yes"),
        ({"all": [YES, UNCLEAR]}, "cannot tell"),
        ({"all": [UNCLEAR, NO]}, "no"),
        ({"any": [NO, NO]}, "no"),
        ({"any": [NO, UNCLEAR]}, "cannot tell"),
        ({"any": [UNCLEAR, YES]}, "yes"),
        ({"not": YES}, "no"),
        ({"not": NO}, "yes"),
        ({"not": UNCLEAR}, "cannot tell"),
        ({"not": {"any": [NO, {"not": YES}]}}, "yes"),
        ({"person.orders_count": {"gte": 3, "lt": 4}}, "yes"),
        ({"person.orders_count": {"gte": 3, "lt": 3}}, "no"),
        ({**YES, "person.country": "FR"}, "yes"),
        ({**YES, "person.country": "BE"}, "no"),
    ],
)
def test_three_values(data: Any, answer: str) -> None:
    assert ask(data) == answer


def test_the_deciding_leaf_is_named_with_what_was_found() -> None:
    verdict = conditions.evaluate(from_data({"all": [YES, {"person.country": "BE"}]}), FACTS, T0)
    assert verdict.because.to_json() == {
        "field": "person.country",
        "op": "eq",
        "value": "BE",
        "fact": "FR",
    }
    explained = conditions.explain(from_data({"any": [NO, UNCLEAR, {"not": YES}]}), FACTS, T0)
    assert [(f.leaf.field, f.truth) for f in explained] == [
        ("person.orders_count", "no"),
        ("order.total", "cannot tell"),
        ("person.orders_count", "yes"),
    ]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({}, "empty"),
        (None, "empty"),
        ([], "empty"),
        ({"all": []}, "at least one"),
        ({"any": {}}, "at least one"),
        ({"not": {}}, "empty"),
        ({"person.city": {}}, "compared with nothing"),
        ({"person.city": {"like": "x"}}, "no way to compare"),
        ({"person.city": ["a"]}, "needs one value"),
        ({"person.city": {"in": "FR"}}, "needs a list"),
        ({"person.city": {"in": []}}, "needs a list"),
        ({"person.orders_count": {"gt": "many"}}, "needs a number"),
        ({"person.city": {"exists": "yes"}}, "needs true or false"),
        ({"person.last_order_at": {"before": "someday"}}, "needs a date"),
        ({1: 2}, "no field"),
    ],
)
def test_what_is_no_condition_is_refused(data: Any, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        from_data(data)


_leaf = st.sampled_from([YES, NO, UNCLEAR])
_any = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


@given(_any)
def test_what_is_told_stays_told_when_more_becomes_known(data: Any) -> None:
    """Cannot tell is honest: whatever the missing fact turns out to be, a yes or no given without it stands."""
    answer = ask(data)
    if answer != "cannot tell":
        for total in (1, 2):
            assert ask(data, {**FACTS, "order": {"total": total}}) == answer


def test_conditions_are_inside_one_another_as_deep_as_anybody_reads() -> None:
    def inside(depth: int) -> Any:
        return {"not": inside(depth - 1)} if depth else {"person.city": "Bern"}

    assert ask(inside(conditions.DEEPEST - 2)) in ("yes", "no", "cannot tell")
    with pytest.raises(ValueError, match="more than 30 deep"):
        from_data(inside(conditions.DEEPEST + 1))
