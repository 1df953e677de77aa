"""From plain data to a compiled flow, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from marshmallow import RAISE, ValidationError

from flows.core import conditions, coupons, durations, graph, leaving, schedule_entries
from flows.core.canonical import canonical
from flows.core.cap_entries import limits
from flows.core.definition import FlowSchema
from flows.core.entries import NO_HOLD
from flows.core.experiment_entries import whole_flow_test
from flows.core.model import FlowVersion, Goal, HoldOut, MessageSpec, Reentry, Step, Trigger
from flows.core.problems import DefinitionError, Finder, Lines, Problem
from flows.core.signals import SIGNALS
from flows.core.steps import STEPS
from flows.core.steps.coupon import COUPONS
from flows.core.vocabulary import event_named

__all__ = ["DefinitionError", "Problem", "from_data", "load", "to_data"]

HOLD_AFTER_PURCHASE = timedelta(days=7)
PRIORITY = 50


def load(
    data: Any,
    lines: Lines | None = None,
    file: str = "flow.yaml",
    messages: Mapping[str, MessageSpec] | None = None,
    version: int = 0,
) -> FlowVersion:
    """The compiled flow. Raises DefinitionError with every problem found.

    `data`: what the file says, as plain JSON-like data. `lines`: where each entry of it stands. `messages`:
    the messages beside the file; None when `data` names them under ``messages``, as stored flows do.
    """
    finder = Finder(file, lines or {})
    schema = FlowSchema(unknown=RAISE)
    loaded: dict[str, Any] = {}
    try:
        loaded = schema.load(data)
    except ValidationError as problem:
        finder.schema((), schema, problem.messages_dict)
        loaded = problem.valid_data if isinstance(problem.valid_data, dict) else {}
    stored = {
        name: MessageSpec(name, spec["channel"], spec["purpose"], spec["deadline"], tuple(spec.get("coupons", ())))
        for name, spec in loaded.get("messages", {}).items()
    }
    if messages is not None and "messages" in loaded:
        finder.add(("messages",), "“messages” is filled in from the files in messages/", "Leave it out")
    known = stored if messages is None else dict(messages)
    nodes = graph.read(loaded.get("steps") or [], finder)
    trigger = loaded.get("trigger", {}).get("on")
    if trigger is not None and event_named(trigger) is not None:
        graph.check_content(nodes, known, trigger, finder)
        graph.check_told(nodes, [trigger, *loaded.get("restart", {}).get("on", ())], finder)
        _check(loaded, trigger, finder)
    steps: dict[str, Step] = {}
    first = graph.link(nodes, None, steps)
    if not finder.found:
        # Only what was read as a whole has a shape to speak of.
        paths = {node.id: node.path for node in graph.everything(nodes)}
        graph.check_shape(first, steps, paths, finder)
        coupons.check(first, steps, paths, known, finder)
    if finder.found:
        raise DefinitionError(finder.found)
    in_order = {node.id: steps[node.id] for node in graph.everything(nodes)}
    used = {name for node in graph.everything(nodes) for name in node.written.messages}
    return _compiled(data, loaded, in_order, first, {name: known[name] for name in sorted(used)}, version)


def from_data(data: Mapping[str, Any], version: int = 0) -> FlowVersion:
    """The flow that `to_data` wrote, compiled to the same FlowVersion (but for its number)."""
    return load(data, version=version)


def to_data(flow: FlowVersion) -> dict[str, Any]:
    """The canonical plain data of a flow with what the core knows of its messages: what is stored."""
    return dict(flow.definition)


def _check(loaded: Mapping[str, Any], on: str, finder: Finder) -> None:
    trigger = loaded["trigger"]
    for name, condition in (("audience", loaded.get("audience")), ("where", trigger.get("where"))):
        if condition is not None:
            path = ("audience",) if name == "audience" else ("trigger", "where")
            graph.check_fields(condition, on, path, finder)
    if trigger.get("after") is not None and (on not in SIGNALS or SIGNALS[on].threshold is None):
        finder.add(("trigger", "after"), f"“{on}” has no clock, so “after” means nothing here", "Begin with a wait")
    key = trigger.get("key")
    event = event_named(on)
    props = event.props if event else {}
    if key is not None and props and key.split(".")[1] not in props:
        finder.add(("trigger", "key"), f"“{on}” does not carry “{key}”", f"It has {', '.join(props)}")
    if loaded.get("cap") == "exempt" and loaded.get("caps"):
        finder.add(("caps",), "Nothing limits a flow with “cap: exempt”, yet here are limits", "Write cap: own")
    goal = loaded.get("goal")
    if goal and goal.get("match") and "key" not in trigger and not finder.about(("trigger", "key")):
        finder.add(("goal", "match"), "The goal must match the trigger's key, but there is none", "Add trigger.key")
    leaving.check(loaded, finder)
    schedule_entries.check(loaded, finder)


def _compiled(
    data: Mapping[str, Any],
    loaded: Mapping[str, Any],
    steps: Mapping[str, Step],
    first: str | None,
    messages: Mapping[str, MessageSpec],
    version: int,
) -> FlowVersion:
    trigger = loaded["trigger"]
    goal = loaded.get("goal")
    audience = loaded.get("audience")
    hold_out = loaded.get("hold_out")
    not_while_in = tuple(loaded.get("not_while_in", ()))
    stored = {
        name: {
            "channel": spec.channel,
            "purpose": spec.purpose,
            "deadline": durations.say(spec.deadline),
            **({"coupons": list(spec.coupons)} if spec.coupons else {}),
        }
        for name, spec in messages.items()
    }
    asked = [STEPS[step.kind].needs(step.config) for step in steps.values()]
    asked += [conditions.needs(trigger.get("where")), conditions.needs(audience)]
    asked += [frozenset({"person"})] if hold_out or loaded.get("test") else []
    asked += [frozenset({"flows"})] if not_while_in else []
    return FlowVersion(
        flow=loaded["flow"],
        version=version,
        name=loaded["name"],
        trigger=_trigger(loaded),
        audience=audience,
        reentry=loaded.get("reentry", Reentry("never")),
        priority=loaded.get("priority", PRIORITY),
        cap=loaded.get("cap", "count"),
        goal=Goal(goal["on"], goal["within"], goal.get("match")) if goal else None,
        exit_rules=leaving.exits(loaded, messages),
        tags=tuple(loaded.get("tags", ())),
        not_while_in=not_while_in,
        hold_after_purchase=_hold(loaded),
        hold_out=HoldOut(hold_out) if hold_out else None,
        steps=steps,
        first=first,
        messages=messages,
        # The trigger's event and what its steps brought the run has with it.
        needs=frozenset[str]().union(*asked) - {"event", COUPONS},
        definition={**canonical(data), "messages": stored},
        restart=leaving.restart(loaded),
        limit=loaded.get("limit"),
        test=whole_flow_test(loaded),
        caps=limits(loaded.get("caps", {})),
    )


def _trigger(loaded: Mapping[str, Any]) -> Trigger:
    trigger, schedule = loaded["trigger"], schedule_entries.schedule_of(loaded)
    key = trigger.get("key") if schedule is None else schedule_entries.KEY
    return Trigger(trigger["on"], trigger.get("after"), key, trigger.get("where"), schedule)


def _hold(loaded: Mapping[str, Any]) -> timedelta | None:
    event = event_named(loaded["trigger"]["on"])
    buying = event is not None and event.buying
    hold: timedelta = loaded.get("hold_after_purchase", NO_HOLD if buying else HOLD_AFTER_PURCHASE)
    return hold or None
