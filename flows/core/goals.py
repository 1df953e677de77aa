"""Which events reach a run, which of them are its goal, which end it, and with which it begins anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flows.core import conditions, standing
from flows.core.conditions import CannotTell, Finding, No
from flows.core.facts import MISSING, lookup
from flows.core.model import Event, Exit, FlowVersion, Run
from flows.core.vocabulary import OF_THEIR_KEY, UNSUBSCRIBED


def reaches(event: Event, run: Run) -> bool:
    """By person or by key: an order under another email still stops the cart flow.

    An imported event reaches a run only when it is about the same key: it says what was, not what happens. So does
    one that is about a single cart: it says nothing of the person's other carts. What becomes of a message is of the
    run that sent it.
    """
    of_run = event.props.get("run_id")
    if of_run is not None and of_run != str(run.id):
        return False
    if run.key and event.key == run.key:
        return True
    if run.key and event.name in OF_THEIR_KEY:
        return False
    return not event.historical and event.person_id == run.person_id


def expected_key(flow: FlowVersion, run: Run) -> str | None:
    """What the goal's event must carry; None when any event of the person will do."""
    if flow.goal is None or flow.goal.match is None:
        return None
    value = lookup({"event": run.trigger}, flow.goal.match)
    return run.key if value is MISSING or value is None else str(value)


def reached(flow: FlowVersion, run: Run, event: Event) -> bool:
    """Whether this event is the goal of this run: name, key, and within its time since the person entered.

    An order that the shop counts for nothing (a test order) is no success, though it may end the flow.
    """
    goal = flow.goal
    if goal is None or event.name != goal.event or not reaches(event, run) or event.props.get("excluded"):
        return False
    if not run.entered_at <= event.occurred_at <= run.entered_at + goal.within:
        return False
    expected = expected_key(flow, run)
    return expected is None or expected in (_carried(event, goal.match), event.key)


def ended_by(flow: FlowVersion, run: Run, event: Event, now: datetime) -> Exit | Finding | None:
    """The first exit rule that ends this run with this event, which reaches it; None when none does. A Finding when
    that cannot be told, because of something that the event does not carry.

    A no on a channel that the flow does not begin with ends nothing but what the flow would send there, which the gate
    refuses.
    """
    unclear: Finding | None = None
    for rule in flow.exit_rules:
        if rule.on != event.name or (event.name == UNSUBSCRIBED and _of_another_channel(flow, event)):
            continue
        if rule.match is not None and not _same(rule.match, run, event):
            continue
        match conditions.evaluate(rule.where, {"event": event.props}, now) if rule.where else None:
            case No():
                pass
            case CannotTell(because=finding):
                unclear = unclear or finding
            case _:
                return rule
    return unclear


def _of_another_channel(flow: FlowVersion, event: Event) -> bool:
    return bool(event.props.get("channel", flow.main_channel) != flow.main_channel)


def _same(path: str, run: Run, event: Event) -> bool:
    """Whether both carry the same there; what neither carries is the same of nothing."""
    begun_with = lookup({"event": run.trigger}, path)
    return begun_with not in (MISSING, None) and str(begun_with) == _carried(event, path)


def begins_anew(flow: FlowVersion, run: Run, event: Event) -> bool:
    """Whether this event, which reaches the run, makes it begin anew: for the same key, and not what is history."""
    rule = flow.restart
    if rule is None or event.name not in rule.on or event.historical or event.person_id != run.person_id:
        return False
    if flow.trigger.key is not None and _carried(event, flow.trigger.key) != run.key:
        return False
    if standing.caused_by(event, flow.flow):
        return False
    if rule.when_different is None:
        return True
    told = _carried(event, rule.when_different)
    begun_with = lookup({"event": run.trigger}, rule.when_different)
    return told is not None and told != (None if begun_with in (MISSING, None) else str(begun_with))


def marks(flow: FlowVersion) -> Mapping[str, tuple[str, bool]]:
    """The exit marks (connector.eventlog) that may end this flow, with the event that each stands for, and whether it
    does so whatever it carries."""
    sure = {rule.on for rule in flow.exit_rules if rule.where is None and rule.match is None}
    return {mark_of(name, flow.main_channel): (name, name in sure) for name in flow.exits}


def mark_of(event: str, channel: str | None) -> str:
    """What the mark of such an event is called; ``channel``: that an unsubscription is of."""
    return event if event != UNSUBSCRIBED or channel in (None, "email") else f"{event}:{channel}"


def _carried(event: Event, match: str | None) -> str | None:
    value = lookup({"event": event.props}, match) if match else None
    return None if value is MISSING or value is None else str(value)
