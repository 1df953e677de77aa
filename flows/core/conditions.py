"""Structured conditions: one value that can be evaluated, explained leaf by leaf and edited in a form.

The answer is yes, no or *cannot tell*; unknown is never silently false. ``all`` is no as soon as one part is
no, ``any`` is yes as soon as one part is yes, whatever cannot be told beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flows.core import amounts, calendar
from flows.core.facts import MISSING, Facts, family, lookup
from flows.core.operands import CannotCompare
from flows.core.operators import OPERATORS


@dataclass(frozen=True, slots=True)
class Leaf:
    """``{field: {op: value}}``"""

    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class All:
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition


Condition = Leaf | All | AnyOf | Not
DEEPEST = 30
"""So many conditions may be inside one another."""
Truth = Literal["yes", "no", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One leaf and what came of it. `fact` is None when it is missing; `why` says what could not be told."""

    leaf: Leaf
    truth: Truth
    fact: Any
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        answer = {"field": self.leaf.field, "op": self.leaf.op, "value": self.leaf.value, "fact": self.fact}
        return {**answer, "why": self.why} if self.why else answer


@dataclass(frozen=True, slots=True)
class Yes:
    because: Finding


@dataclass(frozen=True, slots=True)
class No:
    because: Finding


@dataclass(frozen=True, slots=True)
class CannotTell:
    because: Finding


Verdict = Yes | No | CannotTell


def truth(verdict: Verdict) -> Truth:
    match verdict:
        case Yes():
            return "yes"
        case No():
            return "no"
        case CannotTell():
            return "cannot tell"


def ask(leaf: Leaf, facts: Facts, now: datetime) -> Finding:
    """What one leaf comes to."""
    operator = OPERATORS[leaf.op]
    if operator.by_day or family(leaf.field) == NOW:
        now = now.astimezone(calendar.zone_of(facts))
        facts = {**facts, NOW: _now(now)}
    fact = lookup(facts, leaf.field)
    if fact is MISSING and operator.takes_absent and family(leaf.field) in facts:
        fact = None
    if fact is MISSING:
        return Finding(leaf, "cannot tell", None, f"{leaf.field} is not known")
    if fact is None and not operator.takes_empty:
        return Finding(leaf, "cannot tell", None, f"{leaf.field} is empty")
    if operator.entries is not None:
        return _of_entries(leaf, fact, now)
    try:
        compared, wanted = _in_one_currency(leaf, fact, facts)
        return Finding(leaf, "yes" if operator.test(compared, wanted, now) else "no", fact)
    except (CannotCompare, amounts.NoRate) as problem:
        return Finding(leaf, "cannot tell", fact, f"{leaf.field}: {problem}")


def _now(now: datetime) -> dict[str, Any]:
    """The family of facts that everybody has: what it is where they live."""
    return {
        "date": now.date().isoformat(),
        "weekday": calendar.WEEKDAYS[now.weekday()],
        "month": now.month,
        "day": now.day,
        "hour": now.hour,
    }


def _of_entries(leaf: Leaf, fact: Any, now: datetime) -> Finding:
    """Of a list, the condition being asked of each of its entries as if they were facts."""
    if not isinstance(fact, list | tuple):
        return Finding(leaf, "cannot tell", fact, f"{leaf.field}: it is no list")
    asked = from_data(leaf.value)
    found = [truth(evaluate(asked, entry if isinstance(entry, Mapping) else {}, now)) for entry in fact]
    deciding: Truth = "yes" if OPERATORS[leaf.op].entries == "some" else "no"
    if deciding in found:
        return Finding(leaf, deciding, fact)
    if "cannot tell" in found:
        return Finding(leaf, "cannot tell", fact, f"{leaf.field}: an entry lacks what is asked of it")
    # Of an empty list nothing is true.
    return Finding(leaf, "yes" if found and deciding == "no" else "no", fact)


def _in_one_currency(leaf: Leaf, fact: Any, facts: Facts) -> tuple[Any, Any]:
    """The fact and the value, both as plain numbers when the value is an amount of money. Raises NoRate."""
    asked = _amounts(leaf)
    if not asked:
        return fact, leaf.value
    values = [amount.value for amount in asked]
    return amounts.converted(leaf.field, fact, asked[0].currency, facts), values if len(values) > 1 else values[0]


def _amounts(leaf: Leaf) -> list[amounts.Amount]:
    if leaf.op not in _OF_AMOUNTS:
        return []
    written = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    return [amount for part in written if (amount := amounts.parse(part)) is not None]


_OF_AMOUNTS = frozenset({"gt", "gte", "lt", "lte", "between"})
NOW = "now"
"""The family that no loader brings: date, weekday, month, day and hour at the moment of asking."""


def evaluate(condition: Condition, facts: Facts, now: datetime) -> Verdict:
    """Yes, No or CannotTell, each with the leaf that decided."""
    match condition:
        case Leaf():
            finding = ask(condition, facts, now)
            match finding.truth:
                case "yes":
                    return Yes(finding)
                case "no":
                    return No(finding)
                case _:
                    return CannotTell(finding)
        case Not(of=inner):
            match evaluate(inner, facts, now):
                case Yes(because=finding):
                    return No(finding)
                case No(because=finding):
                    return Yes(finding)
                case unknown:
                    return unknown
        case All(of=parts):
            return _first([evaluate(part, facts, now) for part in parts], (No, CannotTell, Yes))
        case AnyOf(of=parts):
            return _first([evaluate(part, facts, now) for part in parts], (Yes, CannotTell, No))


def _first(verdicts: list[Verdict], order: tuple[type[Verdict], ...]) -> Verdict:
    for kind in order:
        for verdict in verdicts:
            if isinstance(verdict, kind):
                return verdict
    raise ValueError("an empty condition; loading refuses it")


def leaves(condition: Condition) -> Iterator[Leaf]:
    match condition:
        case Leaf():
            yield condition
        case Not(of=inner):
            yield from leaves(inner)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from leaves(part)


def explain(condition: Condition, facts: Facts, now: datetime) -> tuple[Finding, ...]:
    """Every leaf with its own answer, in the order written."""
    return tuple(ask(leaf, facts, now) for leaf in leaves(condition))


def needs(condition: Condition | None) -> frozenset[str]:
    """The families of facts that a condition reads."""
    return frozenset[str]().union(*(_needs(leaf) for leaf in leaves(condition))) if condition else frozenset()


def _needs(leaf: Leaf) -> frozenset[str]:
    own = family(leaf.field)
    where = {"person", "shop"} if own == NOW or OPERATORS[leaf.op].by_day else set[str]()
    money = {"shop", amounts.RATES, family(amounts.currency_field(leaf.field))} if _amounts(leaf) else set[str]()
    return frozenset({own, *where, *money} - {NOW})


def from_data(data: Any, depth: int = 0) -> Condition:
    """A condition from its plain form, inside so many others. Raises ValueError with a sentence for the author.

    ``{field: value}``, ``{field: {op: value}}``, ``{all: [...]}``, ``{any: [...]}``, ``{not: ...}``; several
    entries in one mapping must all hold.
    """
    if not isinstance(data, dict) or not data:
        raise ValueError("The condition is empty and would be true for everybody. Name a field, or drop it")
    if depth > DEEPEST:
        raise ValueError(f"Conditions are inside one another more than {DEEPEST} deep: make segments of the inner ones")
    # By name: stored as JSON the entries come back in another order.
    entries = sorted(data.items(), key=lambda entry: str(entry[0]))
    parts = [part for name, value in entries for part in _entry(name, value, depth + 1)]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _entry(name: Any, value: Any, depth: int) -> list[Condition]:
    if name in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise ValueError(f"“{name}” needs a list of conditions with at least one entry")
        parts = tuple(from_data(part, depth) for part in value)
        return [All(parts) if name == "all" else AnyOf(parts)]
    if name == "not":
        return [Not(from_data(value, depth))]
    if not isinstance(name, str):
        raise ValueError(f"“{name}” is no field; write for example person.orders_count")
    if not isinstance(value, dict):
        return [_leaf(name, "eq", value, depth)]
    if not value:
        raise ValueError(f"“{name}” is compared with nothing; write for example {{gt: 0}}")
    return [_leaf(name, op, value[op], depth) for op in sorted(value, key=str)]


def _leaf(field: str, op: Any, wanted: Any, depth: int) -> Leaf:
    if op not in OPERATORS:
        raise ValueError(f"“{op}” is no way to compare {field}; choose from {', '.join(OPERATORS)}")
    problem = OPERATORS[op].operand.wrong(wanted)
    if problem:
        raise ValueError(f"{field}: {op} {problem}")
    if OPERATORS[op].entries is not None:
        from_data(wanted, depth)
    return Leaf(field, op, wanted)
