"""Two messages that the same person gets and that say the same: one of them is enough."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

from flows.core.lints.lint import Lint, Remark, Subject

ALIKE_AT = 0.85
"""Of their words in their order."""
LEAST_WORDS = 8
"""Shorter texts are alike by nature."""


def look(subject: Subject) -> Iterator[Remark]:
    pairs = {
        (one.step, other.step): (one.message.name, other.message.name)
        for way in subject.plan.ways
        for one, other in combinations(way.sendings, 2)
        if one.message.channel == other.message.channel
    }
    said = set()
    for (_, step), names in pairs.items():
        words = [subject.shows(name).words for name in names]
        if names in said or min(len(one) for one in words) < LEAST_WORDS:
            continue
        if names[0] == names[1] or _same(*words):
            said.add(names)
            sentence = (
                f"The message “{names[1]}” is sent twice to the same person"
                if names[0] == names[1]
                else f"“{names[1]}” says what “{names[0]}” has said"
            )
            yield Remark(subject.where(step), sentence, "Let it say something of its own, or leave it out")


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # The first two are quick, and never less than the last.
    return matcher.real_quick_ratio() >= ALIKE_AT <= matcher.quick_ratio() and matcher.ratio() >= ALIKE_AT


ALIKE = Lint("alike", __doc__, look)
