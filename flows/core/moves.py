"""Flows that put people into one another: that each of them is there, and that nobody is handed round without end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flows.core.model import FlowVersion
from flows.core.problems import Path, suggestion
from flows.core.steps import STEPS
from flows.core.vocabulary import CUSTOM

Found = tuple[Path, str, str]
"""Where it stands in the definition, what is wrong, and what to do."""
_ENTRIES = ("move_to", "enter")


def targets(flow: FlowVersion) -> frozenset[str]:
    """The flows into which this one puts people."""
    by_steps = (target for step in flow.steps.values() for target in STEPS[step.kind].targets(step.config))
    return frozenset(by_steps) | {rule.move_to for rule in flow.exit_rules if rule.move_to is not None}


def check(flow: FlowVersion, others: Mapping[str, FlowVersion]) -> list[Found]:
    """What is wrong with the ways from this flow into others. `others`: every flow that is there beside it, by name."""
    known = {**others, flow.flow: flow}
    found = []
    for path, target in sorted(_written(flow.definition, ()), key=str):
        if target not in known:
            others_said = suggestion(target, sorted(others)) if others else "There is no other flow yet"
            found.append((path, f"There is no flow “{target}” to put people into", others_said))
        elif target == flow.flow:
            found.append((path, "It puts people into itself", "Name another flow, or let reentry say when they return"))
        elif (way := _back(flow.flow, target, known)) is not None:
            said = " → ".join((flow.flow, *way))
            found.append((path, f"People go round without waiting: {said}", "Put a wait before one of these steps"))
    for path, name in _told(flow.definition, ()):
        for listener in sorted(_started_by(name, known)):
            if listener != flow.flow and (back := _back(flow.flow, listener, known)) is not None:
                said = " → ".join((flow.flow, *back))
                found.append((path, f"This event goes round without waiting: {said}", "Put a wait before it"))
    return found


def _started_by(event: str, flows: Mapping[str, FlowVersion]) -> frozenset[str]:
    """The flows that this event starts, or has begin anew."""
    return frozenset(
        name
        for name, flow in flows.items()
        if event == flow.trigger.on or (flow.restart is not None and event in flow.restart.on)
    )


def _told(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every event that a step tells, with its place."""
    inner = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inner:
        if name == "event" and isinstance(value, Mapping) and isinstance(value.get("name"), str):
            yield (*path, name, "name"), f"{CUSTOM}{value['name'].removeprefix(CUSTOM)}"
        elif path or name == "steps":
            yield from _told(value, (*path, name))


def _written(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every entry that names another flow, with its place."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            if name in _ENTRIES and isinstance(value, str):
                yield (*path, name), value
            elif not path or path[0] in ("steps", "exit"):
                yield from _written(value, (*path, name))
    elif isinstance(data, list):
        for n, inner in enumerate(data):
            yield from _written(inner, (*path, n))


def at_once(flow: FlowVersion, flows: Mapping[str, FlowVersion]) -> frozenset[str]:
    """The flows, of these by name, that somebody may come into in the very moment of entering this one: put there, or
    by an event that it tells."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [flow.first]
    while todo:
        at = todo.pop()
        if at is None or at in seen:
            continue
        seen.add(at)
        step = flow.steps[at]
        kind = STEPS[step.kind]
        found |= set(kind.targets(step.config))
        found |= {name for event in kind.tells(step.config) for name in _started_by(event, flows)} - {flow.flow}
        if not kind.waits(step.config):
            # A message may be left out, so that no time passes there.
            todo.extend(step.ports.values())
    return frozenset(found)


def _back(start: str, via: str, flows: Mapping[str, FlowVersion]) -> tuple[str, ...] | None:
    """The flows from `via` back to `start` through which somebody goes in one moment; None when there is no way."""
    if via not in at_once(flows[start], flows):
        return None
    ways: list[tuple[str, ...]] = [(via,)]
    seen = {via}
    while ways:
        way = ways.pop(0)
        for after in sorted(at_once(flows[way[-1]], flows) & flows.keys()):
            if after == start:
                return (*way, after)
            if after not in seen:
                seen.add(after)
                ways.append((*way, after))
    return None
