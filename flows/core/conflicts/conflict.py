"""What a check of flows side by side is made of, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

from flows.core.agreement import of_person, together
from flows.core.lints.lint import Subject
from flows.core.model import FlowVersion, Limit
from flows.core.moves import targets
from flows.core.problems import Path

OCCASIONS: tuple[frozenset[str], ...] = (
    frozenset({"checkout_abandoned", "cart_abandoned"}),
    frozenset({"order_placed", "order_paid", "first_order"}),
    frozenset({"order_placed", "order_paid", "repeat_order"}),
    frozenset({"order_shipped", "order_fulfilled", "order_partially_fulfilled"}),
    frozenset({"newsletter_subscribed", "customer_created"}),
    frozenset({"lapsed", "unengaged"}),
    frozenset({"browse_abandoned", "category_browsed", "product_viewed_n_times", "product_viewed"}),
)
"""Events that are told of one and the same thing that somebody did."""


@dataclass(frozen=True, slots=True)
class Clash:
    """`flow` and `path`: where it stands. `other`: the flow that it is with. `planned`: the flow says itself that it is
    to be so, which is worth knowing and no fault."""

    flow: str
    path: Path
    sentence: str
    todo: str
    other: str | None = None
    planned: bool = False


@dataclass(frozen=True)
class Shelf:
    """Flows that are active together, or are meant to be.

    `caps`: the shop's, by channel. `alternatives`: flows that say of one another that only one of them is to be active
    are not held against each other; False where they are active all the same.
    """

    subjects: Sequence[Subject]
    caps: Mapping[str, Sequence[Limit]] = field(default_factory=dict)
    alternatives: bool = True

    @cached_property
    def pairs(self) -> tuple[tuple[Subject, Subject], ...]:
        """Those that may write to the same person, about the same thing that this person did."""
        found = (pair for pair in combinations(self.subjects, 2) if _of_one_occasion(pair[0].flow, pair[1].flow))
        return tuple(pair for pair in found if not self.apart(pair[0].flow, pair[1].flow))

    def apart(self, one: FlowVersion, other: FlowVersion) -> bool:
        """Whether nobody is in both at the same time by what the files say."""
        if one.test is not None and other.test is not None and one.test.name == other.test.name:
            return one.test.arm != other.test.arm
        if set(one.not_while_in) & set(other.tags) or set(other.not_while_in) & set(one.tags):
            return True
        # One hands its people on to the other.
        if one.flow in targets(other) or other.flow in targets(one):
            return True
        return self._instead(one, other) or not _same_people(one, other)

    def _instead(self, one: FlowVersion, other: FlowVersion) -> bool:
        return self.alternatives and self._groups[one.flow] == self._groups[other.flow]

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        """Each flow with one that stands for all of which only one is meant to be active."""
        group = {subject.flow.flow: subject.flow.flow for subject in self.subjects}
        for subject in self.subjects:
            for named in subject.definition.get("about", {}).get("instead_of", ()):
                old, new = group.get(named, named), group[subject.flow.flow]
                group = {flow: new if one == old else one for flow, one in group.items()} | {named: new}
        return group


def _of_one_occasion(one: FlowVersion, other: FlowVersion) -> bool:
    if one.trigger.schedule is not None or other.trigger.schedule is not None:
        return one.trigger.schedule == other.trigger.schedule
    names = {one.trigger.on, other.trigger.on}
    return len(names) == 1 or any(names <= occasion for occasion in OCCASIONS)


def _same_people(one: FlowVersion, other: FlowVersion) -> bool:
    if one.trigger.on == other.trigger.on:
        return together(one.trigger.where, one.audience, other.trigger.where, other.audience)
    # Two events carry the same field with different values.
    return together(one.audience, other.audience, of=of_person)


@dataclass(frozen=True, slots=True)
class Conflict:
    name: str
    about: str | None
    look: Callable[[Shelf], Iterable[Clash]]
