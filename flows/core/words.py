"""A flow in words: its steps, whom they are for, how it ends, and what its makers have written down about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flows.core import durations, graph
from flows.core.conditions import All, AnyOf, Condition, Leaf, Not, from_data
from flows.core.graph import Node
from flows.core.model import Exit, FlowVersion
from flows.core.problems import Finder, Path
from flows.core.wants import in_words


def steps(flow: FlowVersion) -> Mapping[str, str]:
    """{id: the step in a few words}, in the order of the file."""
    return {node.id: _step(node, flow.definition) for node in _nodes(flow)}


def document(flow: FlowVersion) -> Iterator[str]:
    """The lines of a page about the flow: what a colleague has to know to answer for it. Lines of what nobody has
    written down say so."""
    about = flow.definition.get("about", {})
    yield f"{flow.name} ({flow.flow}), version {flow.version}"
    for name in ("purpose", "owner", "reviewed", "refresh", "assumptions", "naming"):
        yield f"{name.title()}: {about.get(name) or 'not written down'}"
    yield f"Goal: {_goal(flow)}"
    for name, value in about.get("benchmarks", {}).items():
        yield f"Benchmark: {name.replace('_', ' ')} {value}"
    yield f"Starts on: {_trigger(flow)}"
    yield f"Segment: {condition(flow.audience) if flow.audience else 'everybody'}"
    yield "Steps:"
    yield from _indented(flow)
    yield f"Messages: {', '.join(f'{one.name} ({one.channel})' for one in flow.messages.values()) or 'none'}"
    yield f"Ends early: {', or '.join(_exit(rule) for rule in flow.exit_rules) or 'never'}"
    if flow.limit is not None:
        yield f"Ends at the latest: after {durations.say(flow.limit)}"
    if flow.restart is not None:
        different = f", when {flow.restart.when_different} is another" if flow.restart.when_different else ""
        yield f"Begins anew: on {', '.join(flow.restart.on)}{different}"


def condition(asked: Condition) -> str:
    """A condition as one sentence, without its end."""
    match asked:
        case Leaf():
            return in_words(asked)
        case Not(of=Leaf() as leaf):
            return in_words(leaf, holds=False)
        case Not(of=inner):
            return f"not ({condition(inner)})"
        case All(of=parts):
            return " and ".join(
                f"({condition(part)})" if isinstance(part, AnyOf) else condition(part) for part in parts
            )
        case AnyOf(of=parts):
            return " or ".join(f"({condition(part)})" if isinstance(part, All) else condition(part) for part in parts)


def _nodes(flow: FlowVersion) -> list[Node]:
    return list(graph.everything(graph.read(flow.definition["steps"], Finder("", {}))))


def _indented(flow: FlowVersion) -> Iterator[str]:
    shown: set[Path] = set()
    for node in _nodes(flow):
        # Lists of steps inside one another: each has a number in the place of its step.
        depth = sum(isinstance(part, int) for part in node.path)
        branch = node.path[:-1]
        if depth > 1 and branch not in shown:
            shown.add(branch)
            yield f"{'  ' * (2 * depth - 2)}{_branch(branch)}:"
        yield f"{'  ' * (2 * depth - 1)}{_step(node, flow.definition)}"


def _branch(path: Path) -> str:
    # ("steps", 0, "cases", 1, "then"): the second case.
    if len(path) > 2 and isinstance(path[-2], int) and path[-3] == "cases":
        return f"case {path[-2] + 1}"
    return str(path[-1])


def _step(node: Node, definition: Mapping[str, Any]) -> str:
    written: Any = definition
    for part in node.path:
        written = written[part]
    value = written[node.kind.name]
    match node.kind.name, value:
        case "when", _:
            return f"if {condition(from_data(value))}"
        case "cases", _:
            return "the first case that holds: " + "; ".join(condition(from_data(one["when"])) for one in value)
        case "split", _:
            return f"split {value['name']}: " + ", ".join(f"{arm} {share} %" for arm, share in value["shares"].items())
        case "wait", {"for": event, "at_most": longest}:
            return f"wait for {event}, {longest} at most"
        case "wait", {"until": moment}:
            return f"wait until {moment}"
        case kind, str() | int():
            return f"{kind.replace('_', ' ')} {value}"
        case kind, {**entries}:
            return f"{kind.replace('_', ' ')}: " + ", ".join(f"{name} {said}" for name, said in entries.items())
        case kind, _:
            return kind.replace("_", " ")


def _goal(flow: FlowVersion) -> str:
    if flow.goal is None:
        return "not written down"
    said = flow.definition["goal"]
    parts = [f"{flow.goal.event} within {durations.say(flow.goal.within)}"]
    parts += [f"{name} {said[name]}" for name in ("audience", "metric", "target") if said.get(name)]
    return "; ".join(parts)


def _trigger(flow: FlowVersion) -> str:
    trigger = flow.trigger
    after = f" after {durations.say(trigger.after)}" if trigger.after else ""
    where = f", if {condition(trigger.where)}" if trigger.where else ""
    return f"{trigger.on}{after}{where}"


def _exit(rule: Exit) -> str:
    where = f" if {condition(rule.where)}" if rule.where else ""
    match = f" with the same {rule.match}" if rule.match else ""
    return f"{rule.on}{where}{match}" + (f" (into {rule.move_to})" if rule.move_to else "")
