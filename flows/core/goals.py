"""Which events reach a run, which of them are its goal, and which end it."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core.facts import MISSING, lookup
from flows.core.model import Event, FlowVersion, Run
from flows.core.vocabulary import OF_THEIR_KEY


def reaches(event: Event, run: Run) -> bool:
    """By person or by key: an order under another email still stops the cart flow.

    An imported event reaches a run only when it is about the same key: it says what was, not what happens. So does
    one that is about a single cart: it says nothing of the person's other carts.
    """
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


UNSUBSCRIBED = "unsubscribed"


def ends(flow: FlowVersion, event: Event) -> bool:
    """Whether the flow exits on this event. A no on a channel that the flow does not begin with ends nothing but what
    the flow would send there, which the gate refuses.
    """
    if event.name not in flow.exits:
        return False
    return event.name != UNSUBSCRIBED or event.props.get("channel", flow.main_channel) == flow.main_channel


def marks(flow: FlowVersion) -> Mapping[str, str]:
    """The exit marks (connector.eventlog) that end this flow, with the event that each stands for."""
    return {mark_of(name, flow.main_channel): name for name in flow.exits}


def mark_of(event: str, channel: str | None) -> str:
    """What the mark of such an event is called; ``channel``: that an unsubscription is of."""
    return event if event != UNSUBSCRIBED or channel in (None, "email") else f"{event}:{channel}"


def _carried(event: Event, match: str | None) -> str | None:
    value = lookup({"event": event.props}, match) if match else None
    return None if value is MISSING or value is None else str(value)
