"""Whether conditions can hold at the same time, for anybody at all: what is asked on the way to a step, two audiences.

It says no only where that is sure. A fact that is not known makes a condition neither true nor false, so that what is
merely *not true* of two opposites may be so of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, Literal

from flows.core import amounts, durations
from flows.core.conditions import All, AnyOf, Condition, Leaf, Not
from flows.core.facts import family
from flows.core.operands import CannotCompare
from flows.core.operators import OPERATORS

Asked = Literal["yes", "no", "not yes", "not no"]
"""How a condition was answered: `not yes` is no or cannot tell, as on the way `else`."""
MOST = 64
"""So many ways for a condition to hold are told apart; one with more is taken to be possible."""
_OPPOSITE: dict[Asked, Asked] = {"yes": "no", "no": "yes", "not yes": "not no", "not no": "not yes"}
# No operator that is asked here looks at the time.
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_TIMELESS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "between", "contains", "contains_any",
                       "contains_all", "starts_with", "ends_with"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """One leaf, and how it was answered."""

    leaf: Leaf
    asked: Asked

    @property
    def told(self) -> bool:
        """Whether this says that the fact is known, and not empty."""
        if self.asked not in ("yes", "no") or self.leaf.op == "exists" or self.leaf.value is None:
            return False
        # What may be asked of an empty fact is told of it, too: it is not France.
        return not OPERATORS[self.leaf.op].takes_empty or self.holds == (self.leaf.op not in ("ne", "not_in"))

    @property
    def holds(self) -> bool:
        """What it comes to when the fact is known."""
        return self.asked in ("yes", "not no")


Known = tuple[tuple[Answered, ...], ...]
"""The ways in which everything that was answered so far can be true: all of one of them."""
NOTHING: Known = ((),)


def learned(known: Known, condition: Condition | None, asked: Asked = "yes") -> Known:
    """What is known when this condition was answered so as well; empty when that cannot be."""
    if condition is None or not known:
        return known
    found = [(*way, *more) for way in known for more in _ways(condition, asked)]
    if len(found) > MOST:
        return known
    return tuple(way for way in found if _possible(way))


def forgotten(known: Known, keep: Callable[[str], bool]) -> Known:
    """What is still known of the fields that `keep` names: the others may be different by now."""
    left: list[tuple[Answered, ...]] = []
    for way in known:
        rest = tuple(one for one in way if keep(one.leaf.field))
        if rest not in left:
            left.append(rest)
    return tuple(left)


def together(*conditions: Condition | None, of: Callable[[str], bool] = lambda field: True) -> bool:
    """Whether somebody can exist for whom all of these hold; only the fields that `of` names are compared."""
    known = NOTHING
    for condition in conditions:
        known = forgotten(learned(known, condition), of)
    return bool(known) and any(_possible(way) for way in known)


def _ways(condition: Condition, asked: Asked) -> list[tuple[Answered, ...]]:
    match condition:
        case Leaf():
            return [(Answered(condition, asked),)]
        case Not(of=inner):
            return _ways(inner, _OPPOSITE[asked])
        case All(of=parts):
            return _all(parts, asked) if asked in ("yes", "not no") else _any(parts, asked)
        case AnyOf(of=parts):
            return _any(parts, asked) if asked in ("yes", "not no") else _all(parts, asked)


def _all(parts: Sequence[Condition], asked: Asked) -> list[tuple[Answered, ...]]:
    found: list[tuple[Answered, ...]] = [()]
    for part in parts:
        found = [(*way, *more) for way in found for more in _ways(part, asked)][: MOST + 1]
    return found


def _any(parts: Sequence[Condition], asked: Asked) -> list[tuple[Answered, ...]]:
    return [way for part in parts for way in _ways(part, asked)]


def _possible(way: Iterable[Answered]) -> bool:
    by_field: dict[str, list[Answered]] = {}
    for one in way:
        by_field.setdefault(one.leaf.field, []).append(one)
    return all(_of_one_field(asked) for asked in by_field.values())


def _of_one_field(asked: Sequence[Answered]) -> bool:
    there = {one.leaf.value == one.holds for one in asked if one.leaf.op == "exists" and one.asked in ("yes", "no")}
    told = [one for one in asked if one.told]
    if there == {True, False} or (there == {False} and told):
        return False
    if not told:
        return True
    # The fact is known, so whatever is not true of it is false.
    compared = [one for one in asked if one.leaf.op != "exists"]
    for one in compared:
        if any(_same(one.leaf, other.leaf) and one.holds != other.holds for other in compared):
            return False
    values = _named(compared)
    if values is not None:
        return any(all(_fits(value, one) for one in compared) for value in values)
    return _in_range(compared) and _in_time(compared)


def _same(one: Leaf, other: Leaf) -> bool:
    return (one.op, one.value) == (other.op, other.value)


def _named(asked: Sequence[Answered]) -> list[Any] | None:
    """The only values that the fact can have; None when that is not said."""
    for one in asked:
        if (one.leaf.op, one.holds) in (("eq", True), ("ne", False)):
            return [one.leaf.value]
        if (one.leaf.op, one.holds) in (("in", True), ("not_in", False)):
            return list(one.leaf.value)
    return None


def _fits(value: Any, one: Answered) -> bool:
    if one.leaf.op not in _TIMELESS or amounts.parse(one.leaf.value) is not None:
        return True
    try:
        return OPERATORS[one.leaf.op].test(value, one.leaf.value, _SOME_TIME) is one.holds
    except (CannotCompare, TypeError, ValueError):
        return True


def _in_range(asked: Sequence[Answered]) -> bool:
    """Whether some number lies in all the ranges; amounts of different currencies are not compared."""
    low: dict[str, tuple[float, bool]] = {}
    high: dict[str, tuple[float, bool]] = {}
    for one in asked:
        for op, value in _bounds(one):
            currency, number = _number(value)
            if number is None:
                continue
            # (number, 1) is just above it: greater than.
            if op in ("gt", "gte"):
                low[currency] = max(low.get(currency, (-inf, False)), (number, op == "gt"))
            else:
                high[currency] = min(high.get(currency, (inf, False)), (number, op != "lt"))
    return all(_between(low[one], high[one]) for one in low.keys() & high.keys())


def _between(low: tuple[float, bool], high: tuple[float, bool]) -> bool:
    """`low`: (number, whether it is not enough itself); `high`: (number, whether it is not too much itself)."""
    return low[0] < high[0] or (low[0] == high[0] and not low[1] and high[1])


def _bounds(one: Answered) -> list[tuple[str, Any]]:
    op, value = one.leaf.op, one.leaf.value
    if op == "between" and one.holds:
        return [("gte", value[0]), ("lte", value[1])]
    turned = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}
    if op not in turned:
        return []
    return [(op if one.holds else turned[op], value)]


def _number(value: Any) -> tuple[str, float | None]:
    if (amount := amounts.parse(value)) is not None:
        return amount.currency, float(amount.value)
    try:
        return "", float(value)
    except (TypeError, ValueError):
        return "", None


def _in_time(asked: Sequence[Answered]) -> bool:
    """Who did something in the last week did so in the last month."""
    within = [durations.parse(one.leaf.value) for one in asked if one.leaf.op == "within_last" and one.holds]
    beyond = [durations.parse(one.leaf.value) for one in asked if one.leaf.op == "within_last" and not one.holds]
    return not within or not beyond or min(within) > max(beyond)


def of_person(field: str) -> bool:
    """Whether this field is of the person, whatever has started the flow."""
    return family(field) != "event"
