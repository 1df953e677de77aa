"""A step that nobody ever gets to: what is asked on the way there cannot hold together, or the flow is over by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flows.core import durations
from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.model import FlowVersion
from flows.core.plans import plan


def look(subject: Subject) -> Iterator[Remark]:
    flow = subject.flow
    reached = _reached(flow)
    in_time = _reached(replace(flow, limit=None)) if flow.limit is not None else reached
    said: list[tuple[str | int, ...]] = []
    for step, path in subject.paths.items():
        if reached is None or step in reached or any(path[: len(one)] == one for one in said):
            continue
        # What stands behind it in the same list is not reached either.
        said += [path, *((*path[:-1], n) for n in range(int(path[-1]), int(path[-1]) + 100))]
        if in_time is not None and step in in_time and flow.limit is not None:
            sentence = f"Nobody gets here: the flow is over after {durations.say(flow.limit)}"
            yield Remark(path, sentence, "Make the limit longer, or remove the step")
        else:
            sentence = "Nobody gets here: what is asked on the way to it cannot all hold"
            yield Remark(path, sentence, "Change the condition, or remove the step")


def _reached(flow: FlowVersion) -> frozenset[str] | None:
    """The steps that somebody may get to; None when there are too many ways to tell."""
    found = plan(flow, moving=True)
    return frozenset(step for way in found.ways for step in way.steps) if found.whole else None


UNREACHABLE = Lint("unreachable", __doc__, look)
