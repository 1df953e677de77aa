"""What can only be seen with all flows of a shop side by side."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core import moves
from flows.core.experiments import Entry, contradictions
from flows.core.model import FlowVersion
from flows.core.moves import Found


def check(flow: FlowVersion, others: Mapping[str, FlowVersion]) -> list[Found]:
    """What is wrong with this flow beside those others, by name: where in its definition, a sentence, what to do."""
    beside = {name: other for name, other in others.items() if name != flow.flow}
    return [*moves.check(flow, beside), *_whole_flow_test(flow, beside)]


def _whole_flow_test(flow: FlowVersion, beside: Mapping[str, FlowVersion]) -> list[Found]:
    tested = [_entry(one) for one in (*beside.values(), flow) if "test" in one.definition]
    return [(("test",), sentence, "") for name, sentence in contradictions(tested) if name == flow.flow]


def _entry(flow: FlowVersion) -> Entry:
    said = flow.definition
    return Entry(flow.flow, said["test"], said["trigger"], said.get("audience"))
