"""What is done to the people inside a flow by those who run it: taken out, put into another version, let in from
another flow.

Each is an event like any other, so that it is decided under the person's lock, in its order, and a message that is
about to leave sees it. Only the product itself writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.model import Event, FlowVersion, Run

TAKEN_OUT = "taken_out"
"""``{flow, outcome, versions?}``: whoever is inside (one of these versions of) the flow leaves it."""
NEW_VERSION = "new_version"
"""``{flow, versions, to, steps}``: whoever is inside one of these versions goes on in the version `to`, at the step
that `steps` names for theirs, else at the one of the same name."""
OF_RUNS = frozenset({TAKEN_OUT, NEW_VERSION})
MOVED_TO = "moved_to:"
"""What the name of the event begins with that puts somebody into a flow."""
MOST_MOVES = 20
"""So many flows may hand a person on without any time passing."""
MOVES = "moves"
CAUSED_BY = "caused_by"
"""Of an event: the flows whose doing it is, each of which the one before it has led to. Not there: nobody's here."""
_OLD_NEWS = timedelta(days=1)
_OF_THE_SIGNAL = frozenset({"anchor_at", "after_seconds"})


def means(event: Event, run: Run) -> bool:
    """Whether such an event is about this run's flow and version."""
    versions = event.props.get("versions")
    return event.props["flow"] == run.flow and (versions is None or run.version in versions)


def takes_out(event: Event, run: Run) -> bool:
    """Whether the person is taken out of this run."""
    return event.name == TAKEN_OUT and means(event, run)


def moved(flow: str) -> str:
    """The event that puts somebody into this flow."""
    return f"{MOVED_TO}{flow}"


def lets_in(flow: FlowVersion, event: Event) -> bool:
    """Whether this event puts the person into this flow from another one."""
    return event.name == moved(flow.flow)


def handed_on(run: Run, props: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the event carries that puts the person of `run` into another flow: what it is about, and how often they have
    been handed on at this very moment. What started the clock of one flow starts none of the next.
    """
    kept = {name: value for name, value in props.items() if name not in _OF_THE_SIGNAL}
    if now - run.entered_at >= _OLD_NEWS:
        kept.pop(CAUSED_BY, None)
    before = int(run.trigger.get(MOVES, 0)) if run.entered_at == now else 0
    return {**kept, "moved_from": run.flow, MOVES: before + 1}


def causes(run: Run, now: datetime) -> list[str]:
    """What CAUSED_BY says of an event that this run brings about now, for example by a tag that it gives: so that flows
    that answer one another's doings come to an end. Of a run that has lasted for a day it says nothing: what goes round
    as slowly as that was meant to, as with `move_to`.
    """
    if now - run.entered_at >= _OLD_NEWS:
        return []
    before = run.trigger.get(CAUSED_BY)
    return list(dict.fromkeys([*(before if isinstance(before, list) else []), run.flow]))


def caused_by(event: Event, flow: str) -> bool:
    """Whether this event is the doing of the flow itself, or of what it has led to."""
    named = event.props.get(CAUSED_BY)
    return isinstance(named, list) and flow in named


def goes_round(event: Event) -> bool:
    """Whether flows hand this person on to one another without end."""
    return int(event.props.get(MOVES, 0)) > MOST_MOVES
