"""A flow as a map: its steps in their order, ways beside one another where people part, and how many are where.

Pure: the compiled flow and figures in, a tree of plain values out; ``templates/admin/_flow_map.html`` draws it as lists
inside one another, which a screen reader reads and a phone shows without a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connector.admin import flow_words
from flows.core import graph
from flows.core.experiments import HOLD_OUT
from flows.core.graph import Node
from flows.core.model import FlowVersion
from flows.core.problems import Finder

_LOOKS = {"wait": "wait", "when": "branch", "cases": "branch", "split": "branch", "end": "end", "move_to": "end"}
"""Kind of a step -> how it is drawn; messages and other deeds have looks of their own."""


@dataclass(frozen=True)
class Count:
    """How many people ever came to a step and stand on it now, and how those ended who left the flow there."""

    reached: int = 0
    inside: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """One way behind a step that parts people: what it is called, and its steps."""

    label: str
    stops: Sequence[Stop] = ()


@dataclass(frozen=True)
class Stop:
    """One step. ``look``: message, wait, branch, deed or end. ``message``: its name, where it sends one.

    ``lost``: the share of those who reached it that left the flow here before its end, without the goal; None when
    nobody came here, or nobody counted.
    """

    id: str
    kind: str
    look: str
    title: str
    note: str = ""
    message: str = ""
    only_for: str = ""
    count: Count | None = None
    ways: Sequence[Way] = ()

    @property
    def lost(self) -> float | None:
        if self.count is None or not self.count.reached:
            return None
        left = sum(n for how, n in self.count.ended.items() if how.partition(":")[0] not in KEPT and how not in BOUGHT)
        return left / self.count.reached

    @property
    def left(self) -> list[tuple[int, str]]:
        """(how many, how they left the flow here), the most first."""
        ended = self.count.ended if self.count else {}
        return sorted(((n, flow_words.outcome(how)) for how, n in ended.items() if n), reverse=True)


KEPT = frozenset({"goal", "completed", "moved", "held_out", "restarted"})
"""Ways to end that lose nobody: the goal, the last step, another flow that they went on to, and the comparison."""
BOUGHT = frozenset({"exit:order_placed", "exit:order_paid", "exit:checkout_completed"})
"""Exits of those who bought."""


def drawn(flow: FlowVersion, counts: Mapping[str, Count] | None = None) -> Sequence[Stop]:
    """The steps of a flow as a tree. ``counts``: by step; without it the map has no numbers."""
    nodes = graph.read(flow.definition["steps"], Finder("", {}))
    return tuple(_stops(nodes, flow, counts))


def _stops(nodes: Sequence[Node], flow: FlowVersion, counts: Mapping[str, Count] | None) -> Iterator[Stop]:
    for node in nodes:
        called, title = flow_words.step(node, flow.definition)
        written = flow_words.written_at(node, flow.definition)
        message = node.written.messages[0] if node.written.messages else ""
        only_for = getattr(node.written.config, "only_for", None)
        yield Stop(
            id=node.id,
            kind=called,
            look="message" if message else _LOOKS.get(node.kind.name, "deed"),
            title=title,
            note=str(written.get("note", "")),
            message=message,
            only_for=flow_words.condition(only_for) if only_for else "",
            count=None if counts is None else counts.get(node.id, Count()),
            ways=tuple(_ways(node, flow, counts)),
        )


def _ways(node: Node, flow: FlowVersion, counts: Mapping[str, Count] | None) -> Iterator[Way]:
    for port, inner in node.branches.items():
        yield Way(flow_words.way(node, port, flow.definition), tuple(_stops(inner, flow, counts)))
    held = getattr(node.written.config, "shares", {}).get(HOLD_OUT)
    if node.kind.name == "split" and held:
        yield Way(f"held out, {held} %: nothing more is sent to them, to compare with")


def everything(stops: Sequence[Stop]) -> Iterator[Stop]:
    """Every stop with those on its ways, in the order of the flow."""
    for stop in stops:
        yield stop
        for way in stop.ways:
            yield from everything(way.stops)
