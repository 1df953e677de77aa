"""Values become what Brevo's attributes take, or are dropped with a reason; never silently something else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.attribute_values import TRANSFORMS, TYPES, Dropped, converted

LATE = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
GOLD = {"Gold": 1, "Silver": 2}
COLOURS = {"Red": "Red", "Blue": "Blue"}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (["vip", "de"], "text", "vip, de"),
        (True, "text", "true"),
        ({"a": [1]}, "text", '{"a":[1]}'),
        (LATE, "text", "2026-03-01T23:30:00+00:00"),
        (LATE, "date", "2026-03-01"),
        ("2026-11-22", "date", "2026-11-22"),
        ("2026-11-22T10:00:00Z", "date", "2026-11-22"),
        (Decimal("12.50"), "float", 12.5),
        ("7", "float", 7.0),
        (0, "float", 0.0),
        (False, "boolean", False),
        ("true", "boolean", True),
        ("Gold", "category", 1),
        (["Red", "Green"], "multiple-choice", ["Red"]),
        ("Blue", "multiple-choice", ["Blue"]),
        ([], "multiple-choice", []),
    ],
)
def test_a_value_of_its_type(value: Any, kind: str, expected: Any) -> None:
    options = GOLD if kind == "category" else COLOURS
    found = converted(value, kind, options=options)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("soon", "date", "no date"),
        ("20261122", "date", "no date"),
        (17, "date", "no date"),
        ("2026-13-40", "date", "no date"),
        ("twelve", "float", "no number"),
        (True, "float", "no number"),
        ("nan", "float", "no number"),
        ("1e999", "float", "no number"),
        (["1"], "float", "no number"),
        ("yes", "boolean", "neither true nor false"),
        (1, "boolean", "neither true nor false"),
        ("Bronze", "category", "none of its options"),
        (["Green"], "multiple-choice", "none of it"),
    ],
)
def test_a_value_that_is_not_is_dropped_with_the_reason(value: Any, kind: str, words: str) -> None:
    options = GOLD if kind == "category" else COLOURS
    found = converted(value, kind, options=options)
    assert isinstance(found, Dropped) and words in found.reason


@pytest.mark.parametrize(
    ("value", "kind", "steps", "expected"),
    [
        ("lyon", "text", (("upper", None),), "LYON"),
        (["VIP", "De"], "text", (("lower", None), ("join", " | ")), "vip | de"),
        (Decimal("12.345"), "float", (("round", 1),), 12.3),
        (12.7, "float", (("round", None),), 13.0),
        (LATE, "text", (("date", None),), "2026-03-01"),
        (LATE, "float", (("days_since", None),), 30.0),
    ],
)
def test_transforms_come_before_the_type(value: Any, kind: str, steps: Any, expected: Any) -> None:
    assert converted(value, kind, steps=steps, today=date(2026, 3, 31)) == expected


def test_days_are_not_counted_before_there_is_a_day() -> None:
    found = converted(LATE, "float", steps=(("days_since", None),))
    assert isinstance(found, Dropped) and "no day" in found.reason


def test_every_type_and_transform_that_is_named_is_known() -> None:
    for kind in TYPES:
        converted("x", kind)
    for name in TRANSFORMS:
        converted("x", "text", steps=((name, None),), today=date(2026, 1, 1))
