"""Comparing ways to write to people: which arm somebody is in, whether flows of one test fit together, and whether an
arm has won.

An arm is drawn from a person's seed and the name of the split or test, so that it is the same whenever the person
comes back. A declared winner takes everybody who comes from then on, but for those who are held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

from flows.core import chance
from flows.core.facts import Facts

HOLD_OUT = "hold_out"
"""The arm that gets nothing, so that the worth of the others can be measured."""
LEAST_RECIPIENTS = 1000
"""Of each arm; with fewer no winner is shown."""
DOUBT = 0.05
"""An arm is said to have won when chance alone would bring as much less often than this."""


@dataclass(frozen=True, slots=True)
class WholeFlowTest:
    """Several flows with one trigger share its people: this one takes `arm`. `shares`: per cent by arm, the same in all
    of them."""

    name: str
    arm: str
    shares: Mapping[str, int]
    winner: str | None = None

    def assigned(self, facts: Facts) -> str:
        """The arm of this person. Raises LookupError when the seed was not loaded."""
        return drawn(self.shares, self.winner, "test", self.name, chance.seed(facts))


def drawn(shares: Mapping[str, int], winner: str | None, *parts: str) -> str:
    """The arm that `parts` fall into; with a winner it, unless they are held out."""
    arm = chance.pick(shares, chance.draw(*parts))
    return arm if winner is None or arm == HOLD_OUT else winner


def arms_said(shares: Mapping[str, int], arms: Iterable[str], winner: str | None) -> str | None:
    """What is wrong with shares and arms as somebody wrote them, None when nothing is."""
    if sum(shares.values()) != 100:
        return f"the shares sum to {sum(shares.values())}, they must sum to 100"
    if winner is not None and (winner not in shares or winner == HOLD_OUT):
        named = ", ".join(sorted(set(arms) - {HOLD_OUT}))
        return f"“{winner}” cannot be the winner; the arms are {named}"
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One flow of a whole-flow test as far as the others depend on it, as plain data."""

    flow: str
    test: Mapping[str, Any]
    trigger: Mapping[str, Any]
    audience: Any = None


_SAME = ("shares", "winner")


def contradictions(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """(flow, sentence) for each flow that does not fit to an earlier one of its test: then somebody would be in two
    arms or in none, or the arms would not have the same people."""
    found = []
    for n, entry in enumerate(entries):
        for other in entries[:n]:
            if other.test["name"] == entry.test["name"] and (said := _contradicts(entry, other)):
                found.append((entry.flow, said))
    return found


def _contradicts(entry: Entry, other: Entry) -> str | None:
    name = entry.test["name"]
    if entry.test["arm"] == other.test["arm"]:
        return f"The test “{name}” has two flows for the arm “{entry.test['arm']}”: {other.flow} and {entry.flow}"
    for what in _SAME:
        if entry.test.get(what) != other.test.get(what):
            return f"The test “{name}” has other {what} in {other.flow} than in {entry.flow}; they must be the same"
    if dict(entry.trigger) != dict(other.trigger):
        return f"The test “{name}” compares flows with one trigger, but {other.flow} and {entry.flow} have two"
    if entry.audience != other.audience:
        return f"The test “{name}” compares the same people, but {other.flow} and {entry.flow} have other audiences"
    return None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an arm did: how many people were written to, and how many of them reached the goal."""

    recipients: int
    reached: int

    @property
    def rate(self) -> float:
        return self.reached / self.recipients if self.recipients else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`winner`: the arm that has won, None while none has; `why` says it."""

    winner: str | None
    why: str


def outcome(standings: Mapping[str, Standing]) -> Outcome:
    """Whether an arm has won. None has below LEAST_RECIPIENTS in any arm, and none that chance may have put in front:
    the best is compared with each other by the difference of their rates, divided among so many comparisons."""
    arms = {arm: one for arm, one in standings.items() if arm != HOLD_OUT}
    if len(arms) < 2:
        return Outcome(None, "There is nothing to compare yet.")
    few = {arm: one.recipients for arm, one in sorted(arms.items()) if one.recipients < LEAST_RECIPIENTS}
    if few:
        said = ", ".join(f"{arm} has {count:,}" for arm, count in few.items())
        return Outcome(None, f"No winner yet: each arm needs {LEAST_RECIPIENTS:,} recipients, and {said}.")
    best = max(sorted(arms), key=lambda arm: arms[arm].rate)
    others = [one for arm, one in arms.items() if arm != best]
    doubt = max(_by_chance(arms[best], one) for one in others) * len(others)
    if doubt >= DOUBT:
        return Outcome(None, f"No winner yet: {best} is in front, but chance may have brought that.")
    return Outcome(best, f"{best} has won: {arms[best].rate:.1%} reached the goal.")


def _by_chance(one: Standing, other: Standing) -> float:
    """How often two arms that are equally good would differ as much (two proportions, two sides)."""
    together = (one.reached + other.reached) / (one.recipients + other.recipients)
    spread = sqrt(together * (1 - together) * (1 / one.recipients + 1 / other.recipients))
    return erfc(abs(one.rate - other.rate) / spread / sqrt(2)) if spread else 1.0
