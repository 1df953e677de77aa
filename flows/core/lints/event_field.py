"""A message names something of the event that its flow's trigger does not carry: it would reach nobody."""

from __future__ import annotations

from collections.abc import Iterator

from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.problems import suggestion
from flows.core.vocabulary import event_named

ALWAYS = frozenset({"occurred_at"})
"""What every event has."""


def look(subject: Subject) -> Iterator[Remark]:
    flow = subject.flow
    event = event_named(flow.trigger.on)
    props = event.props if event else {}
    if not props:
        # It may carry anything.
        return
    said = set()
    for step in flow.steps.values():
        name = getattr(step.config, "message", "")
        for field in sorted(subject.shows(name).event_fields - props.keys() - ALWAYS):
            if (name, field) in said:
                continue
            said.add((name, field))
            sentence = f"“{name}” shows event.{field}, and “{flow.trigger.on}” does not carry it"
            yield Remark(subject.where(step.id), sentence, suggestion(field, list(props)))


EVENT_FIELD = Lint("event_field", __doc__, look)
