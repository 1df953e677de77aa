"""What would have to be otherwise for a condition to hold: leaf by leaf, in words and as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.core import durations
from flows.core.conditions import All, AnyOf, Condition, Finding, Leaf, Not, ask
from flows.core.facts import Facts, family
from flows.core.operands import CannotCompare, moment

_WORDS: Mapping[str, tuple[str, str]] = {
    "eq": ("is", "is not"),
    "ne": ("is not", "is"),
    "gt": ("is more than", "is not more than"),
    "gte": ("is at least", "is less than"),
    "lt": ("is less than", "is not less than"),
    "lte": ("is at most", "is more than"),
    "in": ("is one of", "is none of"),
    "not_in": ("is none of", "is one of"),
    "contains": ("has", "does not have"),
    "before": ("is before", "is not before"),
    "after": ("is after", "is not after"),
    "between": ("is between", "is not between"),
    "contains_any": ("has one of", "has none of"),
    "contains_all": ("has all of", "does not have all of"),
    "starts_with": ("begins with", "does not begin with"),
    "ends_with": ("ends with", "does not end with"),
    "within_last": ("is within the last", "is not within the last"),
    "within_next": ("is within the next", "is not within the next"),
    "on_day": ("is on", "is not on"),
    "in_month": ("is in month", "is not in month"),
    "some": ("has an entry with", "has no entry with"),
    "every": ("has only entries with", "has other entries than with"),
}
"""Operator -> how it is said when it holds, and when it does not. Others are read as they are called."""
# A date that a span of time, counted back from now, overtakes: the operator, and what is wanted of it.
_OVERTAKEN = frozenset({("before", True), ("after", False), ("within_last", False)})


@dataclass(frozen=True, slots=True)
class Want:
    """A leaf that ought to answer otherwise. `holds`: whether it should hold; `found`: what it answers now."""

    found: Finding
    holds: bool

    def to_json(self) -> dict[str, Any]:
        leaf = self.found.leaf
        return {"field": leaf.field, "op": leaf.op, "value": leaf.value, "holds": self.holds}

    def sentence(self) -> str:
        """For example ``person.orders_count is 0 (it is 3)``."""
        return f"{in_words(self.found.leaf, self.holds)} ({self.now()})"

    def now(self) -> str:
        """What the fact is."""
        if self.found.truth == "cannot tell":
            return self.found.why.removeprefix(f"{self.found.leaf.field} ").removeprefix(f"{self.found.leaf.field}: ")
        return f"it is {shown(self.found.fact)}"

    def comes_true_at(self, now: datetime) -> datetime | None:
        """From when on time alone makes it true, where it does: of ``{before: 30d ago}`` thirty days after the fact."""
        leaf, fact = self.found.leaf, self.found.fact
        if (leaf.op, self.holds) not in _OVERTAKEN or not isinstance(leaf.value, str):
            return None
        try:
            return moment(fact, now) + durations.parse(leaf.value.removesuffix(" ago"))
        except (CannotCompare, ValueError):
            return None


def wanted(condition: Condition, facts: Facts, now: datetime, *, holds: bool = True) -> tuple[Want, ...]:
    """The fewest leaves that would have to answer otherwise for the condition to hold; none when it does.

    Each is looked at by itself: two that contradict each other are both named.
    """
    match condition:
        case Leaf():
            found = ask(condition, facts, now)
            return () if found.truth == ("yes" if holds else "no") else (Want(found, holds),)
        case Not(of=inner):
            return wanted(inner, facts, now, holds=not holds)
        case All(of=parts) | AnyOf(of=parts):
            each = [wanted(part, facts, now, holds=holds) for part in parts]
            if isinstance(condition, All) == holds:
                several = [want for wants in each for want in wants]
                return tuple(want for n, want in enumerate(several) if want not in several[:n])
            # What happened cannot be changed any more, what is true of a person can.
            return min(each, key=lambda wants: (sum(_past(want) for want in wants), len(wants)))


def _past(want: Want) -> bool:
    return family(want.found.leaf.field) == "event"


def said(op: str) -> str:
    """How this operator is said when it holds."""
    return _WORDS[op][0] if op in _WORDS else op.replace("_", " ")


def in_words(leaf: Leaf, holds: bool = True) -> str:
    """The leaf as a clause, or its opposite."""
    if leaf.op == "exists":
        return f"{leaf.field} is {'there' if bool(leaf.value) == holds else 'empty'}"
    positive, negative = _WORDS.get(leaf.op, (said(leaf.op), f"not {said(leaf.op)}"))
    return f"{leaf.field} {positive if holds else negative} {shown(leaf.value)}"


def shown(value: Any) -> str:
    """A value of a condition or a fact, short enough for a line."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            text = ", ".join(shown(one) for one in value) or "empty"
        case Mapping():
            text = ", ".join(f"{name} {shown(one)}" for name, one in value.items()) or "empty"
        case _:
            text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
