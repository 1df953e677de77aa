"""A message that may be held up until the next one is due: both then arrive together, and the first one late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flows.core import durations
from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.model import Step
from flows.core.plans import Way
from flows.core.steps.until import TRIGGER, Offset
from flows.core.steps.wait import For

_TOGETHER = timedelta(hours=1)


def look(subject: Subject) -> Iterator[Remark]:
    said = set()
    for way in subject.plan.ways:
        for one, other in zip(way.sendings, way.sendings[1:], strict=False):
            gap = other.at - one.at
            late = one.message.purpose == "marketing" and one.message.deadline > gap
            if not late or one.step in said or _keeps_apart(subject, way, one.step, other.step):
                continue
            said.add(one.step)
            names = one.message.name, other.message.name
            sentence = (
                f"“{names[0]}” may be held up for {durations.say(one.message.deadline)}, and “{names[1]}” is due"
                f" {_hours(gap)} after it: people would get both at once"
            )
            yield Remark(subject.where(one.step), sentence, f"Give “{one.message.name}” a shorter deadline")


def _keeps_apart(subject: Subject, way: Way, one: str, other: str) -> bool:
    """Whether the second one waits for a while after the first has left, whenever that was."""
    between = way.steps[way.steps.index(one) + 1 : way.steps.index(other)]
    waits = [subject.flow.steps[step] for step in between if subject.flow.steps[step].kind == "wait"]
    if not any(_from_trigger(step) for step in waits):
        return True
    behind = timedelta(0)
    for step in reversed(waits):
        if _from_trigger(step):
            break
        behind += step.config.span if isinstance(step.config, For) else timedelta(0)
    return behind >= _TOGETHER


def _from_trigger(step: Step) -> bool:
    return isinstance(step.config, Offset) and step.config.anchor == TRIGGER


def _hours(span: timedelta) -> str:
    return durations.say(timedelta(minutes=span // timedelta(minutes=1)))


OVERTAKEN = Lint("overtaken", __doc__, look)
