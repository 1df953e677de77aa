"""Which events reach a run, and which of them are its goal."""

from __future__ import annotations

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


def _carried(event: Event, match: str | None) -> str | None:
    value = lookup({"event": event.props}, match) if match else None
    return None if value is MISSING or value is None else str(value)
