"""From the nested lists of steps in a file to the graph that the machine walks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, ValidationError

from flows.core import conditions
from flows.core.coupons import fields_of
from flows.core.facts import family
from flows.core.model import MessageSpec, Step
from flows.core.problems import Finder, Path, suggestion
from flows.core.steps import STEPS
from flows.core.steps.coupon import COUPONS
from flows.core.steps.kind import StepKind, Written
from flows.core.vocabulary import FIELDS, event_named, fields_after, knows_field

DEEPEST = 20
"""Lists of steps inside one another; more is not readable by anybody."""


@dataclass(slots=True)
class Node:
    """One step of the file with the steps inside it."""

    id: str
    kind: StepKind
    written: Written
    path: Path
    branches: Mapping[str, list[Node]]


def read(steps: Sequence[Any], finder: Finder) -> list[Node]:
    """The steps of a file, problems going to the finder; what cannot be read is left out."""
    return _sequence(steps, ("steps",), finder, {}, 0)


def _sequence(steps: Sequence[Any], path: Path, finder: Finder, taken: dict[str, Path], depth: int) -> list[Node]:
    if depth > DEEPEST:
        finder.add(path, f"The steps are nested more than {DEEPEST} deep", "Make it two flows")
        return []
    nodes = (_node(step, (*path, n), finder, taken, depth) for n, step in enumerate(steps))
    return [node for node in nodes if node is not None]


def _node(step: Any, path: Path, finder: Finder, taken: dict[str, Path], depth: int) -> Node | None:
    kinds = [name for name in STEPS if name in step] if isinstance(step, Mapping) else []
    if len(kinds) != 1:
        named = ", ".join(str(key) for key in step) if isinstance(step, Mapping) else repr(step)
        known = f"Each step is one of {', '.join(STEPS)}"
        finder.add(path, f"“{named}” is no step" if not kinds else f"“{named}”: two steps in one entry", known)
        return None
    kind = STEPS[kinds[0]]
    schema = kind.schema(unknown=RAISE)
    try:
        written = kind.read(schema.load(step))
    except ValidationError as problem:
        finder.schema(path, schema, problem.messages_dict)
        return None
    except ValueError as problem:
        finder.add((*path, kind.name), str(problem))
        return None
    given = step.get("id")
    name = given or _free(written.name, taken)
    if given in taken:
        finder.add((*path, "id"), f"Two steps are called “{given}”", "Give one of them another id")
    taken[name] = path
    branches = {
        port: _sequence(inner, (*path, *where), finder, taken, depth + 1)
        for port, (where, inner) in written.branches.items()
    }
    return Node(name, kind, written, path, branches)


def _free(name: str, taken: Mapping[str, Path]) -> str:
    n, free = 1, name
    while free in taken:
        n += 1
        free = f"{name}-{n}"
    return free


def link(nodes: Sequence[Node], after: str | None, steps: dict[str, Step]) -> str | None:
    """Enter the nodes into `steps`, the last one going on to `after`; returns where the sequence begins."""
    for node in reversed(nodes):
        if node.written.ends:
            ports: dict[str, str | None] = {}
        elif node.branches:
            ports = {port: link(inner, after, steps) for port, inner in node.branches.items()}
        else:
            ports = {"next": after}
        steps[node.id] = Step(node.id, node.kind.name, node.written.config, ports)
        after = node.id
    return after


def everything(nodes: Sequence[Node]) -> Iterator[Node]:
    """All nodes, in the order of the file."""
    for node in nodes:
        yield node
        for inner in node.branches.values():
            yield from everything(inner)


def check_content(nodes: Sequence[Node], messages: Mapping[str, MessageSpec], trigger: str, finder: Finder) -> None:
    """Messages exist and suit their step; conditions ask for fields that exist."""
    coupons = fields_of(node.written.config.name for node in everything(nodes) if node.kind.name == COUPONS)
    for node in everything(nodes):
        for name in node.written.messages:
            path = (*node.path, node.kind.name)
            if name not in messages:
                have = f"There are {', '.join(sorted(messages))}" if messages else "There are none yet"
                finder.add(path, f"The message “{name}” does not exist", f"Add messages/{name}. {have}")
            elif messages[name].channel != node.kind.name:
                finder.add(path, f"The message “{name}” is written for {messages[name].channel}")
        for asked in node.written.asks:
            check_fields(asked.condition, asked.of or trigger, (*node.path, *asked.where), finder, coupons)
        for where, field in node.written.paths:
            if knows_field(field, trigger) or field in coupons:
                continue
            if family(field) == "event":
                finder.add((*node.path, *where), f"“{trigger}” does not carry “{field}”", _has(trigger))
            else:
                finder.add((*node.path, *where), f"“{field}” is no field", suggestion(field, [*FIELDS, *coupons]))


def check_told(nodes: Sequence[Node], begins: Collection[str], finder: Finder) -> None:
    """No flow tells what it begins with. `begins`: the names of the events that start it, or have it begin anew."""
    for node in everything(nodes):
        for event in set(node.kind.tells(node.written.config)) & set(begins):
            finder.add((*node.path, node.kind.name), f"The flow itself begins with “{event}”", "Tell another event")


def check_fields(
    condition: conditions.Condition, trigger: str, path: Path, finder: Finder, coupons: Collection[str] = ()
) -> None:
    """`coupons`: what may be asked of those that the flow has made by then."""
    for leaf in conditions.leaves(condition):
        if leaf.field not in coupons and not knows_field(leaf.field, trigger):
            here = [p for p in finder.lines if p[: len(path)] == path and p[-1] == leaf.field]
            known = [*(fields_after(trigger) or FIELDS), *coupons]
            finder.add(here[0] if here else path, f"“{leaf.field}” is no field", suggestion(leaf.field, known))


def _has(trigger: str) -> str:
    event = event_named(trigger)
    return f"It has {', '.join(event.props)}" if event and event.props else ""


def check_shape(first: str | None, steps: Mapping[str, Step], paths: Mapping[str, Path], finder: Finder) -> None:
    """Every step can be reached, every way ends, and nothing goes round without waiting."""
    reached = _behind([first], steps)
    for step in steps:
        path = paths.get(step, ())
        if step not in reached:
            finder.add(path, "Nobody ever gets here: the flow has ended before", "Remove the step")
        elif not any(_ends(steps[way]) for way in _behind([step], steps)):
            finder.add(path, "From here the flow never ends", "Add a way out")
        elif step in _behind(steps[step].ports.values(), steps, past_waits=False):
            finder.add(path, "From here the flow goes round without waiting", "Add a wait")


def _ends(step: Step) -> bool:
    return not step.ports or None in step.ports.values()


def _behind(start: Iterable[str | None], steps: Mapping[str, Step], past_waits: bool = True) -> set[str]:
    """The steps reached from `start`, itself among them; optionally not looking behind a wait."""
    found: set[str] = set()
    todo = list(start)
    while todo:
        step = todo.pop()
        if step is None or step in found or (not past_waits and STEPS[steps[step].kind].waits(steps[step].config)):
            continue
        found.add(step)
        todo.extend(steps[step].ports.values())
    return found
